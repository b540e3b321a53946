"""The numbers and words of the metrics, by hand."""

import numpy as np
import pandas as pd

from stages.diagnose import outputs
from stages.diagnose.label_errors import LabelReview


def test_mistakes_are_counted_by_split():
    mistakes = pd.DataFrame({"split": ["test", "val", "test"]})
    assert outputs.mistake_metrics(mistakes) == {"val": 1, "test": 2}


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
    assert outputs.label_metrics(review([True, True, True, False]), 9, 5) == {
        "pictures": 9,
        "judged": 3,
        "folds": 5,
        "flagged": 2,
        "per_class": {"cat": 1, "dog": 1, "owl": None},
        "per_split": {"train": 2, "val": 0, "test": 0},
        "linear_accuracy": 2 / 3,
    }
    nothing = outputs.label_metrics(review([False] * 4), 9, 5)
    assert nothing["linear_accuracy"] is None


def test_points_of_the_plane():
    wrong = {"val": np.array([True, False, False]), "test": np.array([False, True, False])}
    expected = {"points": 3, "mistakes": 2, "trustworthiness": 0.9}
    assert outputs.plane_metrics(wrong, 0.9) == expected


def test_the_summary():
    labels = {"flagged": 1234, "judged": 5000, "pictures": 6000}
    assert outputs.summary_line({"val": 1, "test": 2}, labels) == (
        "2 mistakes in test, 1 in val; 1,234 likely label errors among 5,000 of 6,000 images"
    )
