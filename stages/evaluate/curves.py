"""The curves behind the plots, and the CSVs of them from which DVC draws."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from stages.evaluate import abstention, calibration, metrics, threshold
from stages.evaluate.csv_files import write_plot_data
from stages.evaluate.splits import Split

XY = tuple[np.ndarray, np.ndarray]


class RankingCurves(NamedTuple):
    """ROC or precision-recall curves of one split, each (x, y).

    Attributes:
        classes: of each class against the rest; those that cannot be ranked are left out.
        micro: of all pairs of image and class together.
        macro: the mean of the classes' curves; None without any.
    """

    classes: dict[str, XY]
    micro: XY
    macro: XY | None


class Curves(NamedTuple):
    """All that is drawn of test, or of val and test by name.

    Attributes:
        confusion: int (n_classes, n_classes), true by predicted, of test.
        roc: false and true positive rate, of test.
        pr: recall and precision, of test.
        reliability: bins of test `before` and `after` the temperature.
        coverage: (coverage, accuracy) by split.
        threshold: as of `threshold.threshold_curves`, by split; None without a threshold.
    """

    confusion: np.ndarray
    roc: RankingCurves
    pr: RankingCurves
    reliability: dict[str, dict[str, np.ndarray]]
    coverage: dict[str, XY]
    threshold: dict[str, dict[str, np.ndarray]] | None


def ranking_curves(split: Split, class_names: list[str], curves_of) -> RankingCurves:
    """The curves of one split.

    Args:
        split: val or test.
        class_names: in the order of the label index.
        curves_of: `metrics.roc_curves` or `metrics.pr_curves`.
    """
    classes = curves_of(split.label, split.probabilities, class_names)
    # One class against the rest, where the only class is "this entry is the true one".
    truth = np.eye(len(class_names))[split.label].ravel()
    scores = split.probabilities.ravel()[:, None]
    micro = curves_of(1 - truth.astype(int), scores, ["micro"])["micro"]
    return RankingCurves(classes, micro, metrics.mean_curve(classes) if classes else None)


def compute_curves(
    splits: dict[str, Split],
    class_names: list[str],
    panels: dict[str, np.ndarray],
    positive: int | None,
) -> Curves:
    """All curves.

    Args:
        splits: val and test.
        class_names: in the order of the label index.
        panels: probabilities of test `before` and `after` the temperature.
        positive: index of the class that a threshold is for; None: there is no threshold.
    """
    test = splits["test"]
    predicted = test.probabilities.argmax(axis=1)
    return Curves(
        metrics.confusion_matrix(test.label, predicted, len(class_names)),
        ranking_curves(test, class_names, metrics.roc_curves),
        ranking_curves(test, class_names, metrics.pr_curves),
        {when: calibration.reliability(test.label, p) for when, p in panels.items()},
        {name: abstention.coverage_points(split) for name, split in splits.items()},
        None
        if positive is None
        else {name: threshold.threshold_curves(split, positive) for name, split in splits.items()},
    )


def confusion_table(matrix: np.ndarray, class_names: list[str]) -> pd.DataFrame:
    """A confusion matrix as rows `label, predicted, n`; cells without images are left out.

    For `dvc plots`, whose own template would put each image into the page to count it there.
    """
    names = np.array(class_names, dtype=object)
    label, predicted = matrix.nonzero()
    n = matrix[label, predicted]
    return pd.DataFrame({"label": names[label], "predicted": names[predicted], "n": n})


def write_curves(folder: Path, curves: Curves, class_names: list[str]) -> None:
    """Writes a CSV for each kind of curve; of ROC and precision-recall the mean over classes."""
    tables_by_name = {"confusion": confusion_table(curves.confusion, class_names)}
    for name, columns, kind in (
        ("roc", ["fpr", "tpr"], curves.roc),
        ("pr", ["recall", "precision"], curves.pr),
    ):
        if kind.macro is not None:
            tables_by_name[name] = pd.DataFrame(dict(zip(columns, kind.macro, strict=True)))
    tables_by_name["reliability"] = _stacked(curves.reliability, "when")
    coverage = {name: {"coverage": x, "accuracy": y} for name, (x, y) in curves.coverage.items()}
    tables_by_name["coverage"] = _stacked(coverage, "split")
    if curves.threshold is not None:
        tables_by_name["threshold"] = _stacked(curves.threshold, "split")
    for name, table in tables_by_name.items():
        write_plot_data(folder / f"{name}.csv", table)


def _stacked(by_name: dict[str, dict[str, np.ndarray]], column: str) -> pd.DataFrame:
    """One table below the other, with the name of each in a last column."""
    return pd.concat(
        [pd.DataFrame(values).assign(**{column: name}) for name, values in by_name.items()]
    )
