"""Multinomial logistic regression: against scikit-learn's, and its choice of L2."""

import numpy as np
import pytest
from scipy.special import log_softmax
from sklearn.linear_model import LogisticRegression

from common.errors import StageError
from common.tables.sampling import Sampling
from stages.train import linear_model
from stages.train.linear_model import (
    fit_linear_model,
    principal_axes,
    row_weights,
    standardisation,
    without_dead_channels,
)


def classes(n=120, views=2, channels=20, n_classes=3, seed=0, spread=2.0):
    """Overlapping normal clouds with channels of different scales, far from zero."""
    rng = np.random.default_rng(seed)
    label = np.arange(n) % n_classes
    centres = rng.normal(size=(n_classes, channels))
    vectors = centres[label][:, None] + spread * rng.normal(size=(n, views, channels))
    scale = np.exp(rng.normal(size=channels))
    return ((vectors + 3) * scale).astype(np.float32), label


def fit(vectors, label, weights=None, group=None, n_classes=3, seed=1):
    n = len(label)
    weights = np.ones(n) if weights is None else weights
    group = np.arange(n) if group is None else group
    return fit_linear_model(vectors, label, group, weights / weights.sum(), n_classes, seed)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("channels", [20, 200])  # more images than channels, and fewer
def test_it_has_the_solution_of_scikit_learn(n_classes, channels):
    vectors, label = classes(channels=channels, n_classes=n_classes)
    weights = np.where(label == 0, 3.0, 1.0)
    model = fit(vectors, label, weights, n_classes=n_classes)
    flat, labels = vectors.reshape(-1, channels), np.repeat(label, 2)
    mean, deviation = standardisation(flat)
    examples = (flat - mean) / deviation
    # scikit-learn's penalty is 1 / (2 C), of the sum over examples of weight times loss; with two
    # classes it has one column, of which the halves have half the squares.
    strength = model.l2 / 2 if n_classes == 2 else model.l2
    other = LogisticRegression(C=1 / strength, tol=1e-8, max_iter=5000)
    other.fit(examples, labels, np.repeat(weights / weights.sum() / 2, 2))
    expected = other.predict_proba(examples)
    np.testing.assert_allclose(np.exp(model.log_probabilities(flat)), expected, atol=5e-3)


def test_the_strength_is_that_of_the_lowest_loss_in_cross_validation():
    """Pure noise wants the strongest, clear classes a weak one."""
    vectors, label = classes(seed=3)
    noise = np.random.default_rng(0).permutation(label)
    assert fit(vectors, noise).l2 > fit(*classes(spread=0.3)).l2
    assert fit(vectors, noise).l2 >= 1
    assert fit(vectors, noise).l2 in linear_model.PATH


def test_near_copies_never_stand_on_both_sides_of_a_fold():
    """Each image four times: with its copies in other folds, noise would look learnable."""
    rng = np.random.default_rng(0)
    originals, labels = rng.normal(size=(30, 1, 40)), np.arange(30) % 3
    copies, label = np.repeat(originals, 4, axis=0), np.repeat(labels, 4)
    group = np.repeat(np.arange(30), 4)
    held_out = linear_model._folds(label, group, 0)
    assert held_out.shape == (5, 120)
    np.testing.assert_array_equal(held_out.sum(axis=0), 1)
    for fold in held_out:
        assert not set(group[fold]) & set(group[~fold])
    assert fit(copies, label, group=group).l2 > 10 * fit(copies, label).l2


@pytest.mark.parametrize(
    ("label", "group"),
    [
        ([0, 0, 1], [0, 1, 2]),
        ([0, 1], [0, 1]),
        ([0, 0, 0, 1, 1, 1], [0, 0, 0, 1, 1, 1]),
        ([0, 0, 0, 0, 0, 0, 0, 0, 0, 1], range(10)),
    ],
)
def test_with_few_groups_there_are_few_folds_or_none(label, group):
    vectors = np.random.default_rng(0).normal(size=(len(label), 2, 4))
    vectors[:, :, 0] += 5 * np.array(label)[:, None]
    model = fit(vectors, np.array(label), group=np.array(group), n_classes=2)
    assert np.isfinite(model.kernel).all()
    assert model.l2 in linear_model.PATH


def test_weights_count_as_repeats_and_zero_leaves_out():
    vectors, label = classes(n=60)
    weights = np.where(np.arange(60) < 6, 0.0, 1.0)
    weights[10] = 2.0
    rows = np.r_[6:60, 10]
    group = np.r_[6:60, 10]
    left = fit(vectors, label, weights)
    right = fit(vectors[rows], label[rows], group=group)
    flat = vectors.reshape(-1, 20)
    assert left.l2 == right.l2
    np.testing.assert_allclose(
        left.log_probabilities(flat), right.log_probabilities(flat), atol=0.1
    )


def test_a_class_of_which_no_image_counts_is_unlikely_and_nothing_fails():
    vectors, label = classes(n=60)
    model = fit(vectors, label, np.where(label == 2, 0.0, 1.0))
    assert np.exp(model.log_probabilities(vectors[:, 0]))[:, 2].max() < 0.34


def test_dead_channels_do_no_harm():
    vectors, label = classes()
    vectors = np.concatenate([vectors, np.full((*vectors.shape[:2], 3), 7, np.float32)], axis=2)
    vectors[0, 0, -1] += 1e-4
    model = fit(vectors, label)
    alone = fit(vectors[..., :-3], label)
    left, right = (
        model.log_probabilities(vectors[:, 0]),
        alone.log_probabilities(vectors[:, 0, :-3]),
    )
    np.testing.assert_allclose(left, right, atol=0.02)
    np.testing.assert_allclose(without_dead_channels(np.zeros(4)), 1)


def test_it_is_the_same_twice_and_does_not_change_its_input():
    vectors, label = classes()
    before = vectors.copy()
    one, two = fit(vectors, label), fit(vectors, label)
    np.testing.assert_array_equal(one.kernel, two.kernel)
    np.testing.assert_array_equal(vectors, before)


def test_of_many_images_some_are_drawn(monkeypatch):
    monkeypatch.setattr(linear_model, "MAX_VECTORS", 100)
    vectors, label = classes(n=600, spread=0.5)
    model = fit(vectors, label)
    right = model.log_probabilities(vectors[:, 0]).argmax(axis=1) == label
    assert right.mean() > 0.95


def test_principal_axes_are_orthonormal_and_hold_the_variance():
    examples = classes(n=60, views=1, channels=90)[0][:, 0]
    weights = np.full(60, 1 / 60, np.float32)
    axes, variances = principal_axes(examples, weights)
    assert axes.shape[1] <= 60
    np.testing.assert_allclose(axes.T @ axes, np.eye(axes.shape[1]), atol=1e-3)
    np.testing.assert_allclose(np.square(examples @ axes).mean(axis=0), variances, rtol=1e-2)
    assert variances.sum() == pytest.approx(np.square(examples).sum() / 60, rel=1e-4)


def test_rows_count_by_repeats_and_weights():
    sampling = Sampling(np.array([0, 0, 2]), np.array([0, 1, 0]), np.array([1, 1, 2], np.float32))
    np.testing.assert_allclose(row_weights(sampling, np.zeros(4)), [0.5, 0, 0.5, 0])


def test_log_probabilities_by_hand():
    model = linear_model.LinearModel(np.eye(2, dtype=np.float32), np.array([0, 1.0]), 1.0)
    expected = log_softmax([[1.0, 3.0]], axis=1)
    np.testing.assert_allclose(model.log_probabilities(np.array([[1, 2]])), expected)


@pytest.mark.parametrize(("n", "channels"), [(12, 4), (4, 12)])
@pytest.mark.parametrize("value", [0.0, 3.0])
def test_vectors_that_are_all_the_same_give_the_shares_of_the_classes(n, channels, value):
    """As a network of random weights may make them."""
    label = np.arange(n) % 4 // 3  # three quarters of class 0
    vectors = np.full((n, 2, channels), value, np.float32)
    model = fit(vectors, label, n_classes=2)
    probabilities = np.exp(model.log_probabilities(vectors[:, 0]))
    np.testing.assert_allclose(probabilities, [[0.75, 0.25]] * n, atol=1e-3)


def test_vectors_that_are_not_finite_are_refused():
    vectors, label = classes()
    vectors[3, 1, 2] = np.nan
    with pytest.raises(StageError, match=r"finite\. Received: NaN .*repro -f -s extract"):
        fit(vectors, label)
