"""Plots of the test split, with titles."""

from pathlib import Path

import numpy as np
import pandas as pd

from common.metric_names import PER_CLASS
from common.plots.style import shorten
from stages.evaluate.charts.dots import Dots, draw_dots
from stages.evaluate.charts.lines import Line, draw_coverage, draw_curves, draw_threshold
from stages.evaluate.charts.matrix import draw_confusion
from stages.evaluate.charts.reliability import draw_reliability
from stages.evaluate.classification_report import ENDS
from stages.evaluate.curves import RankingCurves

DRAWN_CURVES = 12  # classes with a curve of their own; of more, the worst by area
DRAWN_CLASSES = 60  # rows of the report; of more, those of the lowest F1
DRAWN_SLICES = 30  # worst ones


def plot_confusion(folder: Path, matrix: np.ndarray, class_names: list[str], scores: dict) -> None:
    """Draws the confusion matrix of test, counted and by true label."""
    low, high = (f"{scores[f'accuracy_{end}']:.1%}" for end in ("low", "high"))
    n = scores["n_examples"]
    title = f"Test: {scores['accuracy']:.1%} of {n:,} right ({low} to {high})"
    draw_confusion(folder / "confusion.png", title, matrix, class_names)


def plot_roc(folder: Path, curves: RankingCurves, class_names: list[str], scores: dict) -> None:
    """Draws the ROC curves of the classes, their mean, and that of all together."""
    draw_curves(
        folder / "roc.png",
        f"ROC, test, one class against the rest{_which_classes(class_names)}",
        ("false positive rate", "true positive rate"),
        _worst(curves),
        _averages(curves, scores["roc_auc_micro"], scores["roc_auc"]),
        None,
    )


def plot_pr(folder: Path, curves: RankingCurves, class_names: list[str], scores: dict) -> None:
    """Draws the precision-recall curves, as `plot_roc`."""
    draw_curves(
        folder / "pr.png",
        f"Precision-recall, test, one class against the rest{_which_classes(class_names)}",
        ("recall", "precision"),
        _worst(curves),
        _averages(curves, scores["pr_auc_micro"], scores["pr_auc"]),
        1 / len(class_names),
    )


def plot_reliability(
    folder: Path, bins: dict[str, dict[str, np.ndarray]], calibration: dict
) -> None:
    """Draws the reliability of test before and after the temperature.

    Args:
        folder: of the plots.
        bins: of `before` and `after`.
        calibration: the metrics of that name.
    """
    headings = {"before": "as trained", "after": f"temperature {calibration['temperature']:.3f}"}
    n = int(bins["before"]["count"].sum())
    draw_reliability(
        folder / "reliability.png",
        f"Test: are {n:,} answers as often right as they are sure?",
        {
            f"{headings[when]}: error {calibration['test'][when]['ece']:.4f}": values
            for when, values in bins.items()
        },
    )


def plot_coverage(folder: Path, coverage: dict, abstention: dict) -> None:
    """Draws accuracy against coverage, val and test, with the chosen points.

    Args:
        folder: of the plots.
        coverage: (coverage, accuracy) by split.
        abstention: as of `abstention.decide_abstention`.
    """
    least = abstention["least_confidence"]
    marks = {
        name: (abstention[name]["coverage"], abstention[name]["accuracy"])
        for name in coverage
        if least is not None and abstention[name]["accuracy"] is not None
    }
    draw_coverage(
        folder / "coverage.png",
        "Accuracy where only the surest are answered\n"
        f"mean over all coverages, test: {abstention['area']['test']:.4f}",
        coverage,
        marks,
        f"confidence ≥ {least:.3f}" if marks else "",
    )


def plot_threshold(folder: Path, curves: dict, positive: str, chosen: float) -> None:
    """Draws precision, recall and F1 against the threshold, val and test.

    Args:
        folder: of the plots.
        curves: as of `threshold.threshold_curves`, by split.
        positive: name of the class.
        chosen: the threshold.
    """
    title = f"Threshold for {shorten(positive, 40)!r}, chosen on val"
    draw_threshold(folder / "threshold.png", title, curves, chosen, positive)


def plot_report(folder: Path, classes: dict, class_names: list[str], confidence: float) -> None:
    """Draws precision, recall and F1 of each class of test as dots with intervals.

    Args:
        folder: of the plots.
        classes: as of `classification_report.score_split`.
        class_names: in the order of the label index.
        confidence: of the intervals.
    """
    names = class_names
    title = f"Test, by class, with {confidence:.0%} intervals"
    if len(names) > DRAWN_CLASSES:
        title += f": {DRAWN_CLASSES} of {len(names)}, lowest F1"
        worst = sorted(names, key=lambda name: (classes[name]["f1"] or 0.0, names.index(name)))
        names = [name for name in names if name in set(worst[:DRAWN_CLASSES])]
    rows = [
        Dots(
            f"{shorten(name, 26)}  (n = {classes[name]['support']:,})",
            [tuple(classes[name][f"{metric}{end}"] for end in ENDS) for metric in PER_CLASS],
        )
        for name in names
    ]
    draw_dots(folder / "report.png", title, ["precision", "recall", "F1"], rows, "fraction")


def plot_slices(folder: Path, slices: pd.DataFrame, accuracy: float, confidence: float) -> None:
    """Draws the accuracy of the worst slices of test.

    Args:
        folder: of the plots.
        slices: as of `slices.by_slice`, worst first.
        accuracy: of all images.
        confidence: of the intervals.
    """
    rows = [
        Dots(
            f"{shorten(f'{row.kind}: {row.slice}', 46)}  (n = {row.n:,})",
            [(row.accuracy, row.accuracy_low, row.accuracy_high)],
        )
        for row in slices.head(DRAWN_SLICES).itertuples()
    ]
    which = f"{len(rows)} worst of {len(slices)} slices" if len(rows) < len(slices) else "slices"
    draw_dots(
        folder / "slices.png",
        f"Test: accuracy of {which}, with {confidence:.0%} intervals\nall pictures: {accuracy:.1%}",
        ["accuracy"],
        rows,
        "accuracy, fraction",
    )


def _which_classes(class_names: list[str]) -> str:
    few = len(class_names) <= DRAWN_CURVES
    return "" if few else f", the {DRAWN_CURVES} worst of {len(class_names)} classes"


def _worst(curves: RankingCurves) -> list[Line]:
    """The DRAWN_CURVES classes' curves with the smallest area, in the order of the classes."""
    area = {name: np.trapezoid(y, x) for name, (x, y) in curves.classes.items()}
    chosen = sorted(area, key=area.get)[:DRAWN_CURVES]
    return [Line(name, *curve) for name, curve in curves.classes.items() if name in chosen]


def _averages(curves: RankingCurves, micro: float, macro: float | None) -> list[Line]:
    lines = [Line(_with_area("micro", micro), *curves.micro)]
    if curves.macro is not None:
        lines.append(Line(_with_area("macro", macro), *curves.macro))
    return lines


def _with_area(name: str, area: float | None) -> str:
    return name if area is None else f"{name}: area {area:.4f}"
