"""The numbers and words of the metrics, by hand."""

import numpy as np
import pandas as pd

from stages.diagnose.label_errors import LabelReview
from stages.diagnose.plane import Plane, Sample
from stages.diagnose.summary import (
    count_label_errors,
    count_mistakes,
    count_points,
    metrics_of,
    summary_of,
)


def test_mistakes_are_counted_by_split():
    mistakes = pd.DataFrame({"split": ["test", "val", "test"]})
    assert count_mistakes(mistakes) == {"val": 1, "test": 2}


def review(assessed):
    rows = pd.DataFrame(
        {
            "label": ["cat", "cat", "dog", "owl"],
            "split": ["train", "val", "train", "test"],
            "assessed": assessed,
            "flagged": [True, False, True, False],
            "agrees": [False, True, True, False],
        }
    )
    return LabelReview(rows, ["cat", "dog", "owl"], np.array([True, True, False]))


def test_label_errors_are_counted_by_class_and_split():
    assert count_label_errors(review([True, True, True, False]), 9, 5) == {
        "pictures": 9,
        "judged": 3,
        "folds": 5,
        "flagged": 2,
        "per_class": {"cat": 1, "dog": 1, "owl": None},
        "per_split": {"train": 2, "val": 0, "test": 0},
        "linear_accuracy": 2 / 3,
    }
    nothing = count_label_errors(review([False] * 4), 9, 5)
    assert nothing["linear_accuracy"] is None


def test_points_of_the_plane():
    wrong = {"val": np.array([True, False, False]), "test": np.array([False, True, False])}
    expected = {"points": 3, "mistakes": 2, "trustworthiness": 0.9}
    assert count_points(wrong, 0.9) == expected


def test_the_metrics_have_all_three():
    wrong = {"val": np.array([True]), "test": np.array([False])}
    sample = Sample(Plane(np.zeros((1, 2)), 0.5), np.array([0]), wrong, "title")
    mistakes, looked_at = pd.DataFrame({"split": ["val"]}), review([True] * 4)
    assert metrics_of(mistakes, looked_at, 9, 5, sample) == {
        "mistakes": count_mistakes(mistakes),
        "label_errors": count_label_errors(looked_at, 9, 5),
        "plane": {"points": 1, "mistakes": 1, "trustworthiness": 0.5},
    }


def test_the_summary():
    labels = {"flagged": 1234, "judged": 5000, "pictures": 6000}
    assert summary_of({"mistakes": {"val": 1, "test": 2}, "label_errors": labels}) == (
        "2 mistakes in test, 1 in val; 1,234 likely label errors among 5,000 of 6,000 images"
    )
