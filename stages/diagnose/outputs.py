"""The numbers of metrics/diagnose.json, and the last words."""

import numpy as np
import pandas as pd

from common.tables.dataset import PREDICTED_SPLITS, SPLITS
from stages.diagnose.label_errors import LabelReview


def mistake_metrics(mistakes: pd.DataFrame) -> dict[str, int]:
    """Number of mistakes by split; `mistakes` has a row for each, with its `split`."""
    return {name: int((mistakes["split"] == name).sum()) for name in PREDICTED_SPLITS}


def label_metrics(review: LabelReview, n: int, folds: int) -> dict:
    """The search for label errors in numbers.

    Args:
        review: what it says of each image that was looked at.
        n: number of all images.
        folds: of the cross-validation.

    Returns:
        pictures (all images), judged (those whose label was assessed), folds, flagged (the likely
        errors), these per_class (None for classes that are too small) and per_split, and
        linear_accuracy: how often the linear model agrees with the label; None without any.
    """
    rows = review.rows
    flagged, assessed = rows[rows["flagged"]], rows[rows["assessed"]]
    count = flagged["label"].value_counts()
    return {
        "pictures": n,
        "judged": len(assessed),
        "folds": folds,
        "flagged": len(flagged),
        "per_class": {
            name: int(count.get(name, 0)) if large else None
            for name, large in zip(review.class_names, review.large, strict=True)
        },
        "per_split": {name: int((flagged["split"] == name).sum()) for name in SPLITS},
        "linear_accuracy": float(assessed["agrees"].to_numpy().mean()) if len(assessed) else None,
    }


def plane_metrics(wrong: dict[str, np.ndarray], trustworthiness: float | None) -> dict:
    """How many points there are in the plane, how many of them mistakes, and how far to trust it.

    Args:
        wrong: for val and test, bool (n_points,), the mistakes among the points.
        trustworthiness: as of `plane.Plane`; None without a plane.
    """
    return {
        "points": len(wrong["test"]),
        "mistakes": sum(int(mistakes.sum()) for mistakes in wrong.values()),
        "trustworthiness": trustworthiness,
    }


def summary_line(mistakes: dict[str, int], labels: dict) -> str:
    """Mistakes and label errors, for the terminal.

    Args:
        mistakes: from `mistake_metrics`.
        labels: from `label_metrics`.
    """
    return (
        f"{mistakes['test']:,} mistakes in test, {mistakes['val']:,} in val; "
        f"{labels['flagged']:,} likely label errors among {labels['judged']:,} of "
        f"{labels['pictures']:,} images"
    )
