"""Predicts val and test with the trained model and judges the predictions.

Reads:  --dataset; --features, the maps of its splits, if the backbone is frozen; --model
Writes: --predictions, a folder with val.csv and test.csv; --metrics; --curves, a folder: CSVs of
        the test's mean curves, for `dvc plots diff`; --plots, a folder: the same as pictures
Params: compute
"""

import numpy as np
import pandas as pd

from stages.common import cli, metrics, plots, tables
from stages.common.files import atomic_folder, write_json
from stages.common.params import read_params
from stages.nn.classifier import load_classifier
from stages.nn.features import predict, read_maps
from stages.nn.pixels import predict_pixels
from stages.nn.runtime import configure

JUDGED = ("val", "test")
DRAWN_CURVES = 12  # classes with a curve of their own; of more, the worst by area


def worst_first(curves: dict, count: int) -> dict:
    """The `count` curves with the smallest area, in their order."""
    area = {name: np.trapezoid(y, x) for name, (x, y) in curves.items()}
    chosen = sorted(area, key=area.get)[:count]
    return {name: curve for name, curve in curves.items() if name in chosen}


def draw(folder, y_true, probabilities, class_names, scores) -> None:
    """Draws the test's confusion matrix, ROC and precision-recall curves."""
    n = len(y_true)
    matrix = metrics.confusion_matrix(y_true, probabilities.argmax(axis=1), len(class_names))
    title = f"Test: {scores['accuracy']:.1%} of {n:,} right"
    plots.confusion(folder / "confusion.png", title, matrix, class_names)
    note = "" if len(class_names) <= DRAWN_CURVES else f", the {DRAWN_CURVES} worst classes"
    for name, found, labels, chance in (
        (
            "roc",
            metrics.roc_curves(y_true, probabilities, class_names),
            ("false positive rate", "true positive rate"),
            None,
        ),
        (
            "pr",
            metrics.pr_curves(y_true, probabilities, class_names),
            ("recall", "precision"),
            {label: float((y_true == i).mean()) for i, label in enumerate(class_names)},
        ),
    ):
        area = scores["roc_auc" if name == "roc" else "pr_auc"]
        kind = {"roc": "ROC", "pr": "Precision-recall"}[name]
        plots.curves(
            folder / f"{name}.png",
            f"{kind}, test, one class against the rest{note}"
            + (f"\nmean area {area:.4f}" if area is not None else ""),
            *labels,
            worst_first(found, DRAWN_CURVES),
            chance,
        )


def main(argv: list[str] | None = None) -> None:
    args = cli.parse_paths(
        __doc__, argv, "dataset", "features", "model", "predictions", "metrics", "curves", "plots"
    )
    params = read_params(args.params)
    configure(0, params.compute.threads)  # nothing here is random
    classifier = load_classifier(args.model)
    class_names = classifier.class_names
    results, truths, probabilities = {}, {}, {}
    with atomic_folder(args.predictions) as folder, atomic_folder(args.plots) as pictures:
        for name in JUDGED:
            split = tables.Dataset(args.dataset / name)
            truths[name] = split.label
            if classifier.frozen:
                maps = read_maps(args.features / f"{name}.npy", split)
                found = predict(classifier.head, maps, params.compute.batch_size)
            else:
                found = predict_pixels(classifier.model, split, params.compute.batch_size)
            probabilities[name] = found.astype(np.float64)
            tables.write_predictions(folder / f"{name}.csv", split, probabilities[name])
            results[name] = metrics.evaluate(split.label, probabilities[name], class_names, name)
            if results[name]["n_examples"] != split.n:
                raise AssertionError(f"{results[name]['n_examples']} judged of {split.n} in {name}")
        draw(pictures, truths["test"], probabilities["test"], class_names, results["test"])
    with atomic_folder(args.curves) as folder:
        for name, found, columns in (
            ("roc", metrics.roc_curves, ["fpr", "tpr"]),
            ("pr", metrics.pr_curves, ["recall", "precision"]),
        ):
            curve = metrics.mean_curve(found(truths["test"], probabilities["test"], class_names))
            tables.write_plot_data(
                folder / f"{name}.csv", pd.DataFrame(dict(zip(columns, curve, strict=True)))
            )
    write_json(args.metrics, results)
    test = results["test"]
    cli.summary(
        "evaluate",
        f"test ({test['n_examples']:,} pictures): accuracy {test['accuracy']:.4f}, balanced "
        f"accuracy {test['balanced_accuracy']:.4f}, macro F1 {test['f1_macro']:.4f}",
    )


if __name__ == "__main__":
    cli.run(main)
