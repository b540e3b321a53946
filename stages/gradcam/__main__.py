"""Draws heat maps of test images, the evidence for each answer, and tests how faithful they are.

Reads:  --dataset; --model; --predictions, its folder
Writes: --plots, a folder: a gallery of each class, right and wrong images beside their heat
        maps, and summary.png with some of all classes; methods.png, the methods side by side;
        faithfulness.png and randomisation.png, the results of the tests; --metrics, the same in
        numbers
Params: gradcam, compute, seed
"""

from common import cli
from common.errors import StageError
from common.files import atomic_folder, write_json
from common.params import read_params
from common.tables.dataset import Dataset
from common.tables.predictions import read_predictions
from networks.classifier import load_classifier
from networks.engine import choose_engine
from networks.runtime import configure
from stages.gradcam import galleries, plots, trials
from stages.gradcam.choice import choose_for_gallery, choose_for_tests, interleave
from stages.gradcam.explainer import Explainer
from stages.gradcam.summary import metrics_of, summary_of, warnings_of

METHOD_IMAGES = 6  # at most, in methods.png


def main(argv: list[str] | None = None) -> None:
    args = cli.parse_paths(__doc__, argv, "dataset", "model", "predictions", "plots", "metrics")
    params = read_params(args.params)
    configure(params.seed, params.compute.threads)
    batch_size, opacity = params.compute.batch_size, params.gradcam.opacity
    classifier = load_classifier(args.model)
    names = classifier.class_names
    engine = choose_engine(
        params.compute.engine_cpu, params.compute.precision, classifier.backbone_names, "gradcam"
    )
    dataset = Dataset(args.dataset / "test")
    table = read_predictions(args.predictions / "test.csv", names)
    if list(table["image_id"]) != list(dataset.image_id):
        raise StageError(
            f"Expected predictions of the images in {args.dataset}/test. Received: others. Run "
            "`dvc repro predict`."
        )
    explainer = Explainer(
        classifier, dataset, params.gradcam.methods, params.gradcam.layer, batch_size
    )
    predicted = galleries.predicted_classes(table, names)
    chosen = {name: choose_for_gallery(table, name, params.gradcam.per_class) for name in names}
    tested = choose_for_tests(
        dataset.label, dataset.group, params.gradcam.faithfulness_images, params.seed
    )
    compared = interleave(
        [rows_by_kind[kind] for kind in ("wrong", "right") for rows_by_kind in chosen.values()]
    )[:METHOD_IMAGES]
    with atomic_folder(args.plots) as folder:
        heats = galleries.draw(
            folder,
            names,
            chosen,
            lambda rows: galleries.explain(explainer, names, table, rows, opacity),
            explainer.methods[0],
        )
        verdicts = trials.examine(
            folder, classifier, explainer, predicted, tested, engine, params.seed
        )
        rows = galleries.compare(explainer, names, table, compared, opacity)
        plots.methods(folder / "methods.png", explainer.methods, verdicts, rows)
    for text in warnings_of(verdicts, len(tested)):
        cli.warn("gradcam", text)
    write_json(args.metrics, metrics_of(heats, chosen, len(tested), verdicts))
    summary = summary_of(len(heats), len(tested), explainer.methods, verdicts, args.plots)
    cli.summary("gradcam", summary)


if __name__ == "__main__":
    cli.run(main)
