"""The evaluation's plots and the small CSVs behind those that DVC draws."""

from pathlib import Path

import numpy as np
import pandas as pd

from common import calibration, metrics, tables
from common.plots.style import shorten
from stages.evaluate import decisions, plots
from stages.evaluate.classes import ENDS
from stages.evaluate.plots import Dots, Line
from stages.evaluate.scores import PER_CLASS

DRAWN_CURVES = 12  # classes with a curve of their own; of more, the worst by area
DRAWN_CLASSES = 60  # rows of the report; of more, those of the lowest F1
DRAWN_SLICES = 30  # worst ones
AXES = {
    "roc": ("false positive rate", "true positive rate"),
    "pr": ("recall", "precision"),
}


def worst_first(curves: dict, count: int) -> dict:
    """The `count` curves with the smallest area, in their order."""
    area = {name: np.trapezoid(y, x) for name, (x, y) in curves.items()}
    chosen = sorted(area, key=area.get)[:count]
    return {name: curve for name, curve in curves.items() if name in chosen}


def draw_curves(
    folder: Path, data: Path, test: decisions.Split, class_names: list[str], scores: dict
) -> None:
    """ROC and precision-recall curves: plots of classes, micro and macro; CSVs of macro."""
    few = len(class_names) <= DRAWN_CURVES
    note = "" if few else f", the {DRAWN_CURVES} worst of {len(class_names)} classes"
    pooled = np.eye(len(class_names))[test.label].ravel(), test.probabilities.ravel()[:, None]
    for name, curves_of, columns, kind in (
        ("roc", metrics.roc_curves, ["fpr", "tpr"], "ROC"),
        ("pr", metrics.pr_curves, ["recall", "precision"], "Precision-recall"),
    ):
        found = curves_of(test.label, test.probabilities, class_names)
        # One class against the rest, where the only class is "this entry is the true one".
        micro = curves_of(1 - pooled[0].astype(int), pooled[1], ["micro"])["micro"]
        averages = [Line(_with_area("micro", scores[f"{name}_auc_micro"]), *micro)]
        if found:
            macro = metrics.mean_curve(found)
            area = scores[f"{name}_auc"]
            averages.append(Line(_with_area("macro", area), *macro))
            tables.write_plot_data(
                data / f"{name}.csv", pd.DataFrame(dict(zip(columns, macro, strict=True)))
            )
        chosen = worst_first(found, DRAWN_CURVES)
        plots.curves(
            folder / f"{name}.png",
            f"{kind}, test, one class against the rest{note}",
            AXES[name],
            [Line(label, *curve) for label, curve in chosen.items()],
            averages,
            None if name == "roc" else 1 / len(class_names),
        )


def confusion_table(matrix: np.ndarray, class_names: list[str]) -> pd.DataFrame:
    """A confusion matrix as rows `label, predicted, n`; cells without images are left out.

    For `dvc plots`, whose own template would put each image into the page to count it there.
    """
    names = np.array(class_names, dtype=object)
    label, predicted = matrix.nonzero()
    n = matrix[label, predicted]
    return pd.DataFrame({"label": names[label], "predicted": names[predicted], "n": n})


def draw_confusion(
    folder: Path, data: Path, test: decisions.Split, class_names: list[str], scores: dict
) -> None:
    """Draws the confusion matrix of test, counted and by true label; the CSV has its counts."""
    predicted = test.probabilities.argmax(axis=1)
    matrix = metrics.confusion_matrix(test.label, predicted, len(class_names))
    low, high = (f"{scores[f'accuracy_{end}']:.1%}" for end in ("low", "high"))
    n = scores["n_examples"]
    title = f"Test: {scores['accuracy']:.1%} of {n:,} right ({low} to {high})"
    plots.confusion(folder / "confusion.png", title, matrix, class_names)
    tables.write_plot_data(data / "confusion.csv", confusion_table(matrix, class_names))


def draw_reliability(
    folder: Path, data: Path, label: np.ndarray, panels: dict[str, np.ndarray], temperature: float
) -> None:
    """Reliability of test before and after the temperature; the CSV has a column `when`."""
    found = {when: calibration.reliability(label, p) for when, p in panels.items()}
    rows = [pd.DataFrame(each).assign(when=when) for when, each in found.items()]
    tables.write_plot_data(data / "reliability.csv", pd.concat(rows))
    headings = {"before": "as trained", "after": f"temperature {temperature:.3f}"}
    shown = {}
    for when, each in found.items():
        error = calibration.calibration_error(label, panels[when])
        shown[f"{headings[when]}: error {error:.4f}"] = each
    plots.reliability(
        folder / "reliability.png",
        f"Test: are {len(label):,} answers as often right as they are sure?",
        shown,
    )


def draw_coverage(folder: Path, data: Path, splits: dict, abstention: dict) -> None:
    """Accuracy against coverage, val and test; the CSV has a column `split`."""
    lines = {name: decisions.coverage_points(split) for name, split in splits.items()}
    rows = [
        pd.DataFrame({"coverage": x, "accuracy": y, "split": name})
        for name, (x, y) in lines.items()
    ]
    tables.write_plot_data(data / "coverage.csv", pd.concat(rows))
    least = abstention["least_confidence"]
    marks = {
        name: (abstention[name]["coverage"], abstention[name]["accuracy"])
        for name in lines
        if least is not None and abstention[name]["accuracy"] is not None
    }
    plots.coverage(
        folder / "coverage.png",
        "Accuracy where only the surest are answered\n"
        f"mean over all coverages, test: {abstention['area']['test']:.4f}",
        lines,
        marks,
        f"confidence ≥ {least:.3f}" if marks else "",
    )


def draw_threshold(
    folder: Path, data: Path, splits: dict, positive: int, name: str, chosen: float
) -> None:
    """Precision, recall and F1 against the threshold; the CSV has a column `split`."""
    found = {split: decisions.threshold_curves(each, positive) for split, each in splits.items()}
    rows = [pd.DataFrame(each).assign(split=split) for split, each in found.items()]
    tables.write_plot_data(data / "threshold.csv", pd.concat(rows))
    title = f"Threshold for {shorten(name, 40)!r}, chosen on val"
    plots.threshold(folder / "threshold.png", title, found, chosen, name)


def draw_report(folder: Path, report: dict, class_names: list[str], confidence: float) -> None:
    """Precision, recall and F1 of each class of test as dots with intervals."""
    names = class_names
    title = f"Test, by class, with {confidence:.0%} intervals"
    if len(names) > DRAWN_CLASSES:
        title += f": {DRAWN_CLASSES} of {len(names)}, lowest F1"
        worst = sorted(names, key=lambda name: (report[name]["f1"] or 0.0, names.index(name)))
        names = [name for name in names if name in set(worst[:DRAWN_CLASSES])]
    rows = [
        Dots(
            f"{shorten(name, 26)}  (n = {report[name]['support']:,})",
            [tuple(report[name][f"{kind}{end}"] for end in ENDS) for kind in PER_CLASS],
        )
        for name in names
    ]
    plots.dots(folder / "report.png", title, ["precision", "recall", "F1"], rows, "fraction")


def draw_slices(folder: Path, table: pd.DataFrame, accuracy: float, confidence: float) -> None:
    """The accuracy of the worst slices of test."""
    rows = [
        Dots(
            f"{shorten(f'{row.kind}: {row.slice}', 46)}  (n = {row.n:,})",
            [(row.accuracy, row.accuracy_low, row.accuracy_high)],
        )
        for row in table.head(DRAWN_SLICES).itertuples()
    ]
    shown = f"{len(rows)} worst of {len(table)} slices" if len(rows) < len(table) else "slices"
    plots.dots(
        folder / "slices.png",
        f"Test: accuracy of {shown}, with {confidence:.0%} intervals\nall pictures: {accuracy:.1%}",
        ["accuracy"],
        rows,
        "accuracy, fraction",
    )


def _with_area(name: str, area: float | None) -> str:
    return name if area is None else f"{name}: area {area:.4f}"
