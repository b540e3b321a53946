"""The bootstrap's weights: whole groups, each class by itself, and the right variance."""

import numpy as np
import pytest

from stages.evaluate.resampling import Resamples

LABEL = np.array([0, 0, 0, 0, 1, 1, 1])
GROUP = np.array([5, 5, 6, 7, 8, 9, 9])


def all_weights(resamples):
    return np.concatenate(list(resamples), axis=1)


def test_weights_are_those_of_groups_and_add_up_within_each_class():
    weights = all_weights(Resamples(LABEL, GROUP, 300, 1))
    assert weights.shape == (7, 300)
    np.testing.assert_array_equal(weights[0], weights[1])
    np.testing.assert_array_equal(weights[5], weights[6])
    # Class 0 has three groups: two draws of weight 3/2; class 1 has two: one draw of weight 2.
    np.testing.assert_allclose(weights[[0, 2, 3]].sum(axis=0), 3)
    assert set(np.round(weights[4], 9)) == {0.0, 2.0}
    np.testing.assert_allclose(weights[[4, 5]].sum(axis=0), 2)


def test_a_class_of_one_group_keeps_its_weight_and_a_mixed_group_counts_once_in_each_class():
    resamples = Resamples(np.array([0, 0, 1, 1]), np.array([3, 3, 3, 4]), 50, 0)
    assert resamples.groups == 3
    assert (all_weights(resamples)[:2] == 1).all()


def test_each_pass_gives_the_same_and_other_seeds_give_others(monkeypatch):
    first = Resamples(LABEL, GROUP, 40, 7)
    np.testing.assert_array_equal(all_weights(first), all_weights(first))
    other = Resamples(LABEL, GROUP, 40, 8)
    assert (all_weights(first) != all_weights(other)).any()


def test_many_images_come_in_parts_that_fit(monkeypatch):
    monkeypatch.setattr("stages.evaluate.resampling.VALUES", 70)
    parts = list(Resamples(LABEL, GROUP, 25, 0))
    assert [weights.shape for weights in parts] == [(7, 10), (7, 10), (7, 5)]
    assert len(Resamples(LABEL, GROUP, 25, 0)) == 3


@pytest.mark.parametrize("n", [2, 3, 9])
def test_the_variance_of_a_mean_has_no_bias(n):
    """It is that of n draws of a sample with n - 1 degrees of freedom: s^2 / n."""
    values = np.random.default_rng(n).normal(size=n)
    weights = all_weights(Resamples(np.zeros(n, int), np.arange(n), 40_000, 0))
    means = values @ weights / n
    assert means.var() == pytest.approx(values.var(ddof=1) / n, rel=0.03)
