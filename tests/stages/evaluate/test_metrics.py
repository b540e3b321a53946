"""Metrics of a split, by hand and against scikit-learn."""

import numpy as np
import pytest
from sklearn import metrics as sk

from stages.evaluate import metrics

NAMES = ["a", "b"]


def test_a_case_worked_out_by_hand():
    # a: 3 of 4 found, nothing else taken for it; b: both found, one a taken for it.
    y_true = np.array([0, 0, 0, 0, 1, 1])
    p_b = np.array([0.1, 0.2, 0.3, 0.6, 0.7, 0.8])
    scores = metrics.evaluate(y_true, np.c_[1 - p_b, p_b], NAMES, "test")
    assert scores["n_examples"] == 6
    assert scores["accuracy"] == pytest.approx(5 / 6)
    assert scores["balanced_accuracy"] == pytest.approx((3 / 4 + 1) / 2)
    assert scores["precision_macro"] == pytest.approx((1 + 2 / 3) / 2)
    assert scores["recall_macro"] == pytest.approx((3 / 4 + 1) / 2)
    f1_a, f1_b = 6 / 7, 4 / 5
    assert scores["f1_macro"] == pytest.approx((f1_a + f1_b) / 2)
    assert scores["f1_weighted"] == pytest.approx((4 * f1_a + 2 * f1_b) / 6)
    assert scores["roc_auc"] == 1.0
    assert scores["pr_auc"] == 1.0
    assert scores["mcc"] == pytest.approx((3 * 2 - 1 * 0) / np.sqrt(3 * 3 * 4 * 2))
    log = np.log([0.9, 0.8, 0.7, 0.4, 0.7, 0.8])
    assert scores["loss"] == pytest.approx(-log.mean())
    assert scores["per_class"] == {
        "a": {"precision": 1.0, "recall": 0.75, "f1": pytest.approx(f1_a), "support": 4},
        "b": {"precision": pytest.approx(2 / 3), "recall": 1.0, "f1": 0.8, "support": 2},
    }


def test_many_classes_agree_with_scikit_learn():
    rng = np.random.default_rng(0)
    y_true = rng.permutation(np.repeat(np.arange(4), [50, 20, 10, 5]))
    p = rng.dirichlet(np.ones(4), len(y_true)) + 0.4 * np.eye(4)[y_true]
    p /= p.sum(axis=1, keepdims=True)
    y_pred = p.argmax(axis=1)
    scores = metrics.evaluate(y_true, p, list("abcd"), "test")
    expected = {
        "accuracy": sk.accuracy_score(y_true, y_pred),
        "balanced_accuracy": sk.balanced_accuracy_score(y_true, y_pred),
        "precision_macro": sk.precision_score(y_true, y_pred, average="macro"),
        "recall_macro": sk.recall_score(y_true, y_pred, average="macro"),
        "f1_macro": sk.f1_score(y_true, y_pred, average="macro"),
        "f1_weighted": sk.f1_score(y_true, y_pred, average="weighted"),
        "roc_auc": sk.roc_auc_score(y_true, p, multi_class="ovr"),
        "pr_auc": sk.average_precision_score(np.eye(4)[y_true], p),
        "mcc": sk.matthews_corrcoef(y_true, y_pred),
        "loss": sk.log_loss(y_true, p),
    }
    for name, value in expected.items():
        assert scores[name] == pytest.approx(value), name


def test_what_is_undefined_is_none_with_a_reason(capsys):
    p = np.array([[0.9, 0.1], [0.8, 0.2]])
    scores = metrics.evaluate(np.array([0, 0]), p, NAMES, "val")
    assert scores["roc_auc"] is None
    assert scores["pr_auc"] is None
    assert scores["mcc"] is None
    assert scores["per_class"]["b"] == {
        "precision": None,
        "recall": None,
        "f1": None,
        "support": 0,
    }
    assert scores["accuracy"] == scores["balanced_accuracy"] == scores["recall_macro"] == 1.0
    warnings = capsys.readouterr().err
    assert "recall of class 'b' is undefined (without examples)" in warnings
    assert "roc_auc and pr_auc need every class" in warnings


def test_a_class_that_is_never_predicted_counts_as_zero_in_the_mean():
    p = np.array([[0.9, 0.1], [0.8, 0.2]])
    scores = metrics.evaluate(np.array([0, 1]), p, NAMES, "val")
    assert scores["per_class"]["b"]["precision"] is None
    assert scores["per_class"]["b"]["f1"] == 0.0
    assert scores["precision_macro"] == 0.25
    assert scores["mcc"] == 0.0


def test_predictions_of_another_length_are_refused():
    with pytest.raises(ValueError, match=r"Expected probabilities of shape \(3, 2\)"):
        metrics.evaluate(np.array([0, 1, 1]), np.eye(2), NAMES, "test")


def test_confusion_counts_true_labels_down():
    matrix = metrics.confusion_matrix(np.array([0, 0, 1]), np.array([1, 0, 1]), 3)
    assert matrix.tolist() == [[1, 1, 0], [0, 1, 0], [0, 0, 0]]


def test_curves_and_their_mean():
    y_true = np.array([0, 0, 1, 1])
    p_b = np.array([0.1, 0.6, 0.4, 0.9])
    p = np.c_[1 - p_b, p_b]
    curves = metrics.roc_curves(y_true, p, NAMES)
    assert list(curves) == NAMES
    for fpr, tpr in curves.values():
        assert np.trapezoid(tpr, fpr) == pytest.approx(0.75)
    x, y = metrics.mean_curve(curves, points=5)
    assert x.tolist() == [0, 0.25, 0.5, 0.75, 1]
    # Both curves: (0, 0) up to (0, 1/2), right to (1/2, 1/2), up to (1/2, 1), right to (1, 1).
    assert y.tolist() == [0.5, 0.5, 1, 1, 1]
    recall, precision = metrics.pr_curves(y_true, p, NAMES)["b"]
    assert (np.diff(recall) >= 0).all()
    assert precision[recall == 0.5].max() == 1.0
    assert metrics.roc_curves(np.array([0, 0]), p[:2], NAMES) == {}
