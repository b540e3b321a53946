"""Abstention: accuracy against coverage, by hand, and what val decides for test."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.evaluate import abstention
from tests.helpers.predicted_splits import BOTH, TEST, split_of

RIGHT = np.array([1, 1, 0, 1], bool)
CONFIDENCE = np.array([0.9, 0.8, 0.7, 0.6])


def test_the_curve_and_its_area_by_hand():
    x, y, level = abstention.coverage_curve(RIGHT, CONFIDENCE)
    assert x.tolist() == [0.25, 0.5, 0.75, 1.0]
    np.testing.assert_allclose(y, [1, 1, 2 / 3, 3 / 4])
    assert level.tolist() == [0.9, 0.8, 0.7, 0.6]
    assert abstention.coverage_area(RIGHT, CONFIDENCE) == pytest.approx((1 + 1 + 2 / 3 + 3 / 4) / 4)


def test_equal_confidences_are_answered_together_and_in_no_order():
    same = np.full(4, 0.5)
    x, y, _ = abstention.coverage_curve(RIGHT, same)
    assert (x.tolist(), y.tolist()) == ([1.0], [0.75])
    assert abstention.coverage_area(RIGHT, same) == pytest.approx(0.75)
    assert abstention.coverage_area(RIGHT[::-1], same) == pytest.approx(0.75)


def test_the_least_confidence_answers_as_many_as_the_target_allows():
    assert abstention.choose_confidence(RIGHT, CONFIDENCE, 1.0) == pytest.approx(0.75)
    # Three of four right is enough: all are answered, though three alone are worse.
    assert abstention.choose_confidence(RIGHT, CONFIDENCE, 0.75) == 0.0
    wrong = np.array([0, 1, 1, 1], bool)
    assert abstention.choose_confidence(wrong, CONFIDENCE, 0.9) is None


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 9)), min_size=1, max_size=30))
def test_what_is_chosen_reaches_the_target(rows):
    right = np.array([row[0] for row in rows])
    confidence = np.array([row[1] / 10 for row in rows])
    least = abstention.choose_confidence(right, confidence, 0.8)
    if least is None:
        assert right[confidence == confidence.max()].mean() < 0.8
    else:
        answered = confidence >= least
        assert right[answered].mean() >= 0.8 - 1e-12
        for other in np.unique(confidence[confidence < least]):
            assert right[confidence >= other].mean() < 0.8


def test_the_scores_of_what_is_answered_by_hand():
    # Confidences of test .9 .8 .55 .6 .9, all right but the fourth.
    scores = abstention.abstention_scores(TEST, 0.6, 0.95)
    assert (scores["coverage"], scores["accuracy"]) == (0.8, 0.75)
    assert scores["accuracy_low"] < 0.75 < scores["accuracy_high"]
    nothing = abstention.abstention_scores(TEST, 0.95, 0.95)
    assert nothing == {
        "coverage": 0,
        "accuracy": None,
        "accuracy_low": None,
        "accuracy_high": None,
    }


def test_the_decision_by_hand(capsys):
    # Confidences of val .9 .8 .7 .6 .9, all right but the fourth; of test .9 .8 .55 .6 .9.
    decided = abstention.decide_abstention(BOTH, 0.99, 0.95)
    assert decided["least_confidence"] == pytest.approx(0.65)
    assert decided["val"]["coverage"] == pytest.approx(4 / 5)
    assert decided["test"]["coverage"] == pytest.approx(3 / 5)
    assert decided["test"]["accuracy"] == 1
    assert decided["area"]["val"] == pytest.approx((1 + 1 + 1 + 1 + 4 / 5) / 5)
    assert "val cannot guarantee evaluate.abstain 0.99" in capsys.readouterr().err
    without_target = abstention.decide_abstention(BOTH, None, 0.95)
    assert without_target == {"area": decided["area"], "least_confidence": None}


def test_a_target_out_of_reach_is_reported(capsys):
    wrong = BOTH | {"val": split_of([1, 0, 1], [0.05, 0.2, 0.9])}
    assert abstention.decide_abstention(wrong, 0.9, 0.95)["least_confidence"] is None
    assert "evaluate.abstain 0.9 is out of reach" in capsys.readouterr().err


def test_curves_of_large_sets_stay_small():
    rng = np.random.default_rng(0)
    large = split_of(rng.integers(0, 2, 3000), rng.random(3000))
    x, y = abstention.coverage_points(large)
    assert len(x) <= abstention.POINTS
    assert x[-1] == 1
    assert y[-1] == pytest.approx(large.right.mean())
