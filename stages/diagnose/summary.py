"""Summary of the stage: the numbers of its metrics file and the words of its closing line."""

import numpy as np
import pandas as pd

from common.tables.dataset import PREDICTED_SPLITS, SPLITS
from stages.diagnose.label_errors import LabelReview
from stages.diagnose.plane import Sample


def metrics_of(
    mistakes: pd.DataFrame, review: LabelReview, n: int, folds: int, sample: Sample
) -> dict:
    """The content of the stage's metrics file.

    Args:
        mistakes: a row for each confident mistake, with its `split`.
        review: what the search for label errors says of each image that was looked at.
        n: number of all images.
        folds: of the cross-validation of that search.
        sample: of the points in the plane.
    """
    return {
        "mistakes": count_mistakes(mistakes),
        "label_errors": count_label_errors(review, n, folds),
        "plane": count_points(sample.wrong, sample.trustworthiness),
    }


def count_mistakes(mistakes: pd.DataFrame) -> dict[str, int]:
    """Number of mistakes by split; `mistakes` has a row for each, with its `split`."""
    return {name: int((mistakes["split"] == name).sum()) for name in PREDICTED_SPLITS}


def count_label_errors(review: LabelReview, n: int, folds: int) -> dict:
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


def count_points(wrong: dict[str, np.ndarray], trustworthiness: float | None) -> dict:
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


def summary_of(metrics: dict) -> str:
    """The stage's closing line, from its metrics."""
    mistakes, labels = metrics["mistakes"], metrics["label_errors"]
    return (
        f"{mistakes['test']:,} mistakes in test, {mistakes['val']:,} in val; "
        f"{labels['flagged']:,} likely label errors among {labels['judged']:,} of "
        f"{labels['pictures']:,} images"
    )
