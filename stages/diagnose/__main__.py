"""Diagnoses the data: confident mistakes, unsure hits, likely label errors, embeddings in a plane.

Reads:  --dataset; --predictions, a folder with val.csv and test.csv; --embeddings, a folder with
        train.npy, val.npy and test.npy
Writes: --diagnosis, a folder: confident_mistakes.csv, unsure_hits.csv and label_errors.csv;
        --plots, a folder: a contact sheet of each, and plane.png; --metrics
Params: seed, diagnose
"""

from common import cli
from common.files import atomic_folder, write_json
from common.params import read_params
from common.tables.dataset import PREDICTED_SPLITS
from common.tables.predictions import read_checked_predictions
from stages.diagnose import plane, sheets
from stages.diagnose.all_images import AllImages
from stages.diagnose.label_errors import flagged_rows, review_labels
from stages.diagnose.listings import LABEL_ERROR_COLUMNS, REVIEW_COLUMNS, write_listing
from stages.diagnose.predicted import confident_mistakes, predicted_rows, unsure_hits
from stages.diagnose.summary import metrics_of, summary_of


def main(argv: list[str] | None = None) -> None:
    args = cli.parse_paths(
        __doc__, argv, "dataset", "predictions", "embeddings", "diagnosis", "plots", "metrics"
    )
    params = read_params(args.params)
    seed, folds, per_sheet = params.seed, params.diagnose.folds, params.diagnose.images
    images = AllImages(args.dataset, args.embeddings)
    predicted = predicted_rows(
        {
            name: read_checked_predictions(args.predictions / f"{name}.csv", images.splits[name])
            for name in PREDICTED_SPLITS
        }
    )
    mistakes = confident_mistakes(predicted)
    review = review_labels(images, params.diagnose.label_images, folds, seed)
    doubtful = flagged_rows(review)
    sample = plane.sample(images, predicted, params.diagnose.plane_points, seed)
    metrics = metrics_of(mistakes, review, len(images.frame), folds, sample)

    with atomic_folder(args.diagnosis) as folder:
        hits = unsure_hits(predicted, params.diagnose.unsure_hits)
        write_listing(folder / "confident_mistakes.csv", mistakes, REVIEW_COLUMNS)
        write_listing(folder / "unsure_hits.csv", hits, REVIEW_COLUMNS)
        write_listing(folder / "label_errors.csv", doubtful, LABEL_ERROR_COLUMNS)
    with atomic_folder(args.plots) as folder:
        sheets.draw_mistakes(folder / "confident_mistakes.png", predicted, per_sheet, images.splits)
        sheets.draw_hits(folder / "unsure_hits.png", predicted, per_sheet, images.splits)
        labels = metrics["label_errors"]
        sheets.draw_label_errors(
            folder / "label_errors.png", doubtful, labels, per_sheet, images.splits
        )
        plane.draw(folder / "plane.png", sample, images.class_names)
    write_json(args.metrics, metrics)
    cli.summary("diagnose", summary_of(metrics))


if __name__ == "__main__":
    cli.run(main)
