"""Judges the predictions of val and test. TensorFlow has no part in it.

Reads:  --dataset; --predictions, a folder with val.csv and test.csv
Writes: --metrics; --curves, a folder: CSVs of the test's mean curves, for `dvc plots diff`;
        --plots, a folder: the same as pictures
Params: none
"""

import numpy as np
import pandas as pd

from stages.common import cli, metrics, plots, tables
from stages.common.files import atomic_folder, write_json
from stages.common.params import read_params

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


def counted(y_true, probabilities, class_names) -> pd.DataFrame:
    """The confusion matrix as rows `label, predicted, n`; cells without pictures are left out.

    For `dvc plots`, whose own template would put each picture into the page to count it there.
    """
    names = np.array(class_names, dtype=object)
    matrix = metrics.confusion_matrix(y_true, probabilities.argmax(axis=1), len(names))
    label, predicted = matrix.nonzero()
    n = matrix[label, predicted]
    return pd.DataFrame({"label": names[label], "predicted": names[predicted], "n": n})


def main(argv: list[str] | None = None) -> None:
    args = cli.parse_paths(__doc__, argv, "dataset", "predictions", "metrics", "curves", "plots")
    read_params(args.params)
    results = {}
    for name in JUDGED:
        split = tables.Dataset(args.dataset / name)
        found = tables.read_checked_predictions(args.predictions / f"{name}.csv", split)
        results[name] = metrics.evaluate(found.label, found.probabilities, found.class_names, name)
        if results[name]["n_examples"] != split.n:
            raise AssertionError(f"{results[name]['n_examples']} judged of {split.n} in {name}")
    judged = (found.label, found.probabilities, found.class_names)  # of test, the last one
    with atomic_folder(args.plots) as pictures:
        draw(pictures, *judged, results["test"])
    with atomic_folder(args.curves) as folder:
        for name, curves_of, columns in (
            ("roc", metrics.roc_curves, ["fpr", "tpr"]),
            ("pr", metrics.pr_curves, ["recall", "precision"]),
        ):
            curve = metrics.mean_curve(curves_of(*judged))
            tables.write_plot_data(
                folder / f"{name}.csv", pd.DataFrame(dict(zip(columns, curve, strict=True)))
            )
        tables.write_plot_data(folder / "confusion.csv", counted(*judged))
    write_json(args.metrics, results)
    test = results["test"]
    cli.summary(
        "evaluate",
        f"test ({test['n_examples']:,} pictures): accuracy {test['accuracy']:.4f}, balanced "
        f"accuracy {test['balanced_accuracy']:.4f}, macro F1 {test['f1_macro']:.4f}",
    )


if __name__ == "__main__":
    cli.run(main)
