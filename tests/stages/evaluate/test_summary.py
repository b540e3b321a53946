"""The contents of the metrics and the words of the closing line, by hand."""

import numpy as np
import pandas as pd
import pytest

from stages.evaluate import slices, summary


def test_the_metrics_hold_the_scores_of_each_split_and_what_was_decided():
    scores = {"val": {"accuracy": 0.5}, "test": {"accuracy": 0.6}}
    abstention = {"least_confidence": 0.7}
    empty = pd.DataFrame(columns=slices.COLUMNS)
    metrics = summary.metrics_of(scores, {"temperature": 1.5}, None, abstention, empty)
    assert list(metrics.items()) == [
        ("val", {"accuracy": 0.5}),
        ("test", {"accuracy": 0.6}),
        ("calibration", {"temperature": 1.5}),
        ("threshold", None),
        ("abstention", abstention),
        ("slices", {"reported": 0, "worst": None}),
    ]


def test_calibration_before_and_after():
    label = np.array([0, 1])
    panels = {"before": np.array([[0.9, 0.1], [0.1, 0.9]]), "after": np.full((2, 2), 0.5)}
    content = summary.calibration_metrics(label, 1.5, panels)
    assert content["temperature"] == 1.5
    assert content["test"]["before"]["loss"] == pytest.approx(-np.log(0.9))
    assert content["test"]["before"]["brier"] == pytest.approx(2 * 0.1**2)
    assert content["test"]["before"]["ece"] == pytest.approx(0.1)
    assert content["test"]["after"]["loss"] == pytest.approx(np.log(2))


def test_the_worst_slice():
    empty = pd.DataFrame(columns=slices.COLUMNS)
    assert summary.slice_metrics(empty) == {"reported": 0, "worst": None}
    rows = [("flag", "dark", 9, 9, 3, 2 / 3, 0.3, 0.9), ("flag", "none", 20, 20, 0, 1, 0.8, 1)]
    assert summary.slice_metrics(pd.DataFrame(rows, columns=slices.COLUMNS)) == {
        "reported": 2,
        "worst": {"accuracy": 2 / 3, "accuracy_low": 0.3, "accuracy_high": 0.9, "n": 9},
    }


def test_the_summary_names_the_headline_metrics_of_test():
    scores = {"n_examples": 1234, "accuracy": 0.9, "balanced_accuracy": 0.85, "f1_macro": 0.8}
    ends = {"accuracy_low": 0.7, "accuracy_high": 0.95, "f1_macro_low": 0.6, "f1_macro_high": 0.9}
    assert summary.summary_of({"test": scores | ends}) == (
        "test (1,234 images): accuracy 0.9000 (0.7000 to 0.9500), balanced accuracy 0.8500, "
        "macro F1 0.8000 (0.6000 to 0.9000)"
    )
