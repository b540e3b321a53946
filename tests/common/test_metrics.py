"""The metrics that are always defined, and the scores of single classes, by hand."""

import numpy as np
import pytest

from common import metrics


def test_averages_of_a_case_worked_out_by_hand():
    # a: 3 of 4 found, nothing else taken for it; b: both found, one a taken for it; c: nowhere.
    y_true = np.array([0, 0, 0, 0, 1, 1])
    p_b = np.array([0.1, 0.2, 0.3, 0.6, 0.7, 0.8])
    averages = metrics.averages(y_true, np.c_[1 - p_b, p_b, np.zeros(6)])
    f1_a, f1_b = 6 / 7, 4 / 5
    assert averages == {
        "accuracy": pytest.approx(5 / 6),
        "balanced_accuracy": pytest.approx((3 / 4 + 1) / 2),
        "precision_macro": pytest.approx((1 + 2 / 3) / 2),
        "recall_macro": pytest.approx((3 / 4 + 1) / 2),
        "f1_macro": pytest.approx((f1_a + f1_b) / 2),
        "f1_weighted": pytest.approx((4 * f1_a + 2 * f1_b) / 6),
        "loss": pytest.approx(-np.log([0.9, 0.8, 0.7, 0.4, 0.7, 0.8]).mean()),
        "n_examples": 6,
    }


def test_scores_by_class_are_zero_where_undefined():
    scores = metrics.scores_by_class(np.array([0, 0, 1]), np.array([0, 2, 0]), 3)
    precision, recall, f1, support, predicted = (values.tolist() for values in scores)
    assert (precision, recall, f1) == ([0.5, 0, 0], [0.5, 0, 0], [0.5, 0, 0])
    assert (support, predicted) == ([2, 1, 0], [2, 0, 1])


def test_the_cross_entropy_is_bounded():
    certain = np.array([[1.0, 0.0]])
    assert str(metrics.cross_entropy(np.array([0]), certain)) == "0.0"  # and not -0.0
    assert metrics.cross_entropy(np.array([1]), certain) == pytest.approx(-np.log(metrics.LEAST))
