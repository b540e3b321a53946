"""Accuracy against coverage, by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.evaluate import coverage

RIGHT = np.array([1, 1, 0, 1], bool)
CONFIDENCE = np.array([0.9, 0.8, 0.7, 0.6])


def test_the_curve_and_its_area_by_hand():
    x, y, level = coverage.coverage_curve(RIGHT, CONFIDENCE)
    assert x.tolist() == [0.25, 0.5, 0.75, 1.0]
    np.testing.assert_allclose(y, [1, 1, 2 / 3, 3 / 4])
    assert level.tolist() == [0.9, 0.8, 0.7, 0.6]
    assert coverage.coverage_area(RIGHT, CONFIDENCE) == pytest.approx((1 + 1 + 2 / 3 + 3 / 4) / 4)


def test_equal_confidences_are_answered_together_and_in_no_order():
    same = np.full(4, 0.5)
    x, y, _ = coverage.coverage_curve(RIGHT, same)
    assert (x.tolist(), y.tolist()) == ([1.0], [0.75])
    assert coverage.coverage_area(RIGHT, same) == pytest.approx(0.75)
    assert coverage.coverage_area(RIGHT[::-1], same) == pytest.approx(0.75)


def test_the_least_confidence_answers_as_many_as_the_target_allows():
    assert coverage.choose_least(RIGHT, CONFIDENCE, 1.0) == pytest.approx(0.75)
    # Three of four right is enough: all are answered, though three alone are worse.
    assert coverage.choose_least(RIGHT, CONFIDENCE, 0.75) == 0.0
    wrong = np.array([0, 1, 1, 1], bool)
    assert coverage.choose_least(wrong, CONFIDENCE, 0.9) is None


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 9)), min_size=1, max_size=30))
def test_what_is_chosen_reaches_the_target(rows):
    right = np.array([row[0] for row in rows])
    confidence = np.array([row[1] / 10 for row in rows])
    least = coverage.choose_least(right, confidence, 0.8)
    if least is None:
        assert right[confidence == confidence.max()].mean() < 0.8
    else:
        answered = confidence >= least
        assert right[answered].mean() >= 0.8 - 1e-12
        for other in np.unique(confidence[confidence < least]):
            assert right[confidence >= other].mean() < 0.8
