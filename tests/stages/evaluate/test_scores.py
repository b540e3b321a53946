"""Weighted metrics of many samples at once, against scikit-learn on each."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from common.metric_names import HEADLINE, PER_CLASS
from stages.evaluate import calibration, metrics
from stages.evaluate.scores import Scorer


def draw(n, n_classes, seed, decimals=2):
    """Labels with each class at least once, and probabilities with ties."""
    rng = np.random.default_rng(seed)
    y_true = rng.permutation(np.arange(n) % n_classes)
    p = rng.dirichlet(np.ones(n_classes), n) + 0.5 * np.eye(n_classes)[y_true]
    p = np.round(p / p.sum(axis=1, keepdims=True), decimals)
    return y_true, p / p.sum(axis=1, keepdims=True)


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 5), st.integers(0, 10**6))
def test_whole_weights_are_repeated_images(n_classes, seed):
    y_true, p = draw(40, n_classes, seed)
    weights = np.random.default_rng(seed).integers(0, 4, (40, 3))
    weights[:n_classes] += 1
    scores = Scorer(y_true, p).scores(weights.astype(float))
    for column in range(3):
        rows = np.repeat(np.arange(40), weights[:, column])
        if set(y_true[rows]) != set(range(n_classes)):
            continue  # areas are then undefined in the one and not the other
        expected = metrics.evaluate(y_true[rows], p[rows], list(map(str, range(n_classes))), "x")
        expected |= calibration.calibration_scores(y_true[rows], p[rows])
        for name in HEADLINE:
            assert scores[name][column] == pytest.approx(expected[name], abs=1e-9), name
        for name in PER_CLASS:
            for index, row in enumerate(expected["per_class"].values()):
                value = scores[name][index, column]
                assert np.isnan(value) if row[name] is None else value == pytest.approx(row[name])


@pytest.mark.parametrize("n_classes", [2, 4])
def test_fractional_weights_agree_with_scikit_learn(n_classes):
    y_true, p = draw(60, n_classes, 3)
    weight = np.random.default_rng(5).random(60) + 0.01
    scores = Scorer(y_true, p).scores(weight[:, None])
    keywords = {"sample_weight": weight}
    y_pred = p.argmax(axis=1)
    truth = np.eye(n_classes)[y_true]
    expected = {
        "accuracy": sk.accuracy_score(y_true, y_pred, **keywords),
        "balanced_accuracy": sk.balanced_accuracy_score(y_true, y_pred, **keywords),
        "f1_macro": sk.f1_score(y_true, y_pred, average="macro", **keywords),
        "f1_weighted": sk.f1_score(y_true, y_pred, average="weighted", **keywords),
        "precision_macro": sk.precision_score(y_true, y_pred, average="macro", **keywords),
        "mcc": sk.matthews_corrcoef(y_true, y_pred, **keywords),
        "roc_auc": sk.roc_auc_score(truth, p, **keywords),
        "pr_auc": sk.average_precision_score(truth, p, **keywords),
        "loss": sk.log_loss(y_true, p, **keywords),
    }
    for name, value in expected.items():
        assert scores[name][0] == pytest.approx(value), name


def test_top_k_is_scikit_learns_where_nothing_ties():
    y_true, p = draw(50, 6, 1, decimals=9)
    scores = Scorer(y_true, p, (2, 4)).scores(np.ones((50, 1)))
    for k in (2, 4):
        assert scores[f"top_{k}_accuracy"][0] == pytest.approx(
            sk.top_k_accuracy_score(y_true, p, k=k)
        )


def test_equal_guesses_go_in_the_order_of_the_classes_as_the_answer_does():
    p = np.array([[0.25, 0.25, 0.25, 0.25]] * 4)
    scores = Scorer(np.arange(4), p, (2, 3)).scores(np.ones((4, 1)))
    assert scores["accuracy"][0] == 0.25
    assert scores["top_2_accuracy"][0] == 0.5
    assert scores["top_3_accuracy"][0] == 0.75


def test_what_is_undefined_is_nan_not_0():
    p = np.array([[0.9, 0.1], [0.8, 0.2]])
    scores = Scorer(np.array([0, 0]), p).scores(np.ones((2, 1)))
    for name in ("roc_auc", "pr_auc", "mcc"):
        assert np.isnan(scores[name][0]), name
    assert np.isnan(scores["recall"][1, 0])
    assert np.isnan(scores["precision"][1, 0])
    assert scores["balanced_accuracy"][0] == 1


def test_without_areas_all_else_stays():
    y_true, p = draw(40, 3, 2)
    weights = np.random.default_rng(1).random((40, 2))
    whole = Scorer(y_true, p).scores(weights)
    without = Scorer(y_true, p, areas=False).scores(weights)
    for name, values in whole.items():
        if name.endswith("_auc"):
            assert np.isnan(without[name]).all()
        else:
            np.testing.assert_array_equal(without[name], values)
