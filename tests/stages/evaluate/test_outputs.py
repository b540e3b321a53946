"""The contents of the metrics and of the decision, by hand."""

import numpy as np
import pandas as pd
import pytest

from common.schema import Evaluate, Threshold
from stages.evaluate import outputs, slices

RULES = Evaluate(
    confidence=0.95,
    resamples=100,
    top_k=[3],
    abstain=0.99,
    min_slice=5,
    threshold=Threshold(positive=None, rule="cost", cost_ratio=2.0, min_recall=0.9),
)


def test_calibration_before_and_after():
    label = np.array([0, 1])
    panels = {"before": np.array([[0.9, 0.1], [0.1, 0.9]]), "after": np.full((2, 2), 0.5)}
    content = outputs.calibration_metrics(label, 1.5, panels)
    assert content["temperature"] == 1.5
    assert content["test"]["before"]["loss"] == pytest.approx(-np.log(0.9))
    assert content["test"]["before"]["brier"] == pytest.approx(2 * 0.1**2)
    assert content["test"]["before"]["ece"] == pytest.approx(0.1)
    assert content["test"]["after"]["loss"] == pytest.approx(np.log(2))


def test_the_decision_holds_what_was_chosen():
    content = outputs.decision(
        ["cat", "dog"], 1, {"threshold": 0.3}, {"least_confidence": 0.7}, RULES
    )
    assert content == {
        "classes": ["cat", "dog"],
        "positive": "dog",
        "threshold": 0.3,
        "rule": "cost",
        "abstain_below": 0.7,
        "abstain_target": 0.99,
    }
    undecided = outputs.decision(["cat", "dog"], 1, None, {"least_confidence": None}, RULES)
    assert [undecided[key] for key in ("positive", "threshold", "rule")] == [None] * 3
    assert undecided["abstain_below"] is None


def test_the_worst_slice():
    empty = pd.DataFrame(columns=slices.COLUMNS)
    assert outputs.slice_metrics(empty) == {"reported": 0, "worst": None}
    rows = [("flag", "dark", 9, 9, 3, 2 / 3, 0.3, 0.9), ("flag", "none", 20, 20, 0, 1, 0.8, 1)]
    assert outputs.slice_metrics(pd.DataFrame(rows, columns=slices.COLUMNS)) == {
        "reported": 2,
        "worst": {"accuracy": 2 / 3, "accuracy_low": 0.3, "accuracy_high": 0.9, "n": 9},
    }


def test_the_summary_names_the_headline_metrics_of_test():
    scores = {"n_examples": 1234, "accuracy": 0.9, "balanced_accuracy": 0.85, "f1_macro": 0.8}
    ends = {"accuracy_low": 0.7, "accuracy_high": 0.95, "f1_macro_low": 0.6, "f1_macro_high": 0.9}
    assert outputs.summary_line(scores | ends) == (
        "test (1,234 images): accuracy 0.9000 (0.7000 to 0.9500), balanced accuracy 0.8500, "
        "macro F1 0.8000 (0.6000 to 0.9000)"
    )
