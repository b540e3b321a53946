"""What validation decides, and what is said of it on test."""

import numpy as np
import pytest

from common.errors import StageError
from common.schema import Threshold
from stages.evaluate import decisions
from stages.evaluate.decisions import Split
from stages.evaluate.resampling import Resamples

RULE = Threshold(positive=None, rule="f1", cost_ratio=2.0, min_recall=0.9)


def split(label, second):
    label, second = np.array(label), np.array(second)
    resamples = Resamples(label, np.arange(len(label)), 200, 0)
    return Split(label, np.c_[1 - second, second], resamples)


VAL = split([0, 0, 0, 1, 1], [0.1, 0.2, 0.3, 0.4, 0.9])
TEST = split([0, 0, 0, 1, 1], [0.1, 0.2, 0.45, 0.4, 0.9])
BOTH = {"val": VAL, "test": TEST}


def test_the_positive_class():
    assert decisions.positive_class(None, ["a", "b"], np.array([0, 1, 1])) == 0
    assert decisions.positive_class(None, ["a", "b"], np.array([0, 0, 1, 1])) == 1
    assert decisions.positive_class("a", ["a", "b"], np.array([0, 0, 1])) == 0
    assert decisions.positive_class(None, list("abc"), np.array([0, 1, 2])) is None
    with pytest.raises(StageError, match=r"threshold\.positive to be null or one of a, b.*: cat"):
        decisions.positive_class("cat", ["a", "b"], np.array([0, 1]))


def test_the_threshold_of_val_is_judged_on_test_beside_one_half():
    found = decisions.decide_threshold(BOTH, 1, RULE, 0.95)
    assert found["threshold"] == pytest.approx(0.35)
    assert found["val"]["f1"] == 1
    chosen, half = found["test"]["chosen"], found["test"]["half"]
    assert (chosen["precision"], chosen["recall"]) == (pytest.approx(2 / 3), 1)
    assert (chosen["false_positives"], chosen["false_negatives"], chosen["cost"]) == (1, 0, 1)
    assert (half["false_positives"], half["false_negatives"], half["cost"]) == (0, 1, 2)
    assert half["recall_low"] < half["recall"] < half["recall_high"]
    assert chosen["precision_low"] < 2 / 3 < chosen["precision_high"]


def test_a_recall_that_val_cannot_vouch_for_is_told(capsys):
    rule = RULE.model_copy(update={"rule": "min_recall"})
    assert decisions.decide_threshold(BOTH, 1, rule, 0.95)["val"]["recall"] == 1
    told = capsys.readouterr().err
    assert "val cannot vouch for evaluate.threshold.min_recall 0.9: its 2 positives" in told


def test_val_with_one_class_gives_no_threshold_and_a_reason(capsys):
    one = BOTH | {"val": split([0, 0], [0.1, 0.2])}
    assert decisions.decide_threshold(one, 1, RULE, 0.95) is None
    assert "no threshold can be chosen" in capsys.readouterr().err


def test_curves_at_thresholds_are_those_of_cutting_there():
    found = decisions.threshold_curves(TEST, 1)
    for index in (0, 40, 80, 81, 90, 100, 180, 181, 200):
        taken = TEST.probabilities[:, 1] >= found["threshold"][index] - 1e-12
        hits = (taken & (TEST.label == 1)).sum()
        assert found["recall"][index] == hits / 2, index
        if taken.any():
            assert found["precision"][index] == pytest.approx(hits / taken.sum()), index
        else:
            assert np.isnan(found["precision"][index])


def test_abstention_by_hand(capsys):
    # Confidences of val .9 .8 .7 .6 .9, all right but the fourth; of test .9 .8 .55 .6 .9.
    found = decisions.decide_abstention(BOTH, 0.99, 0.95)
    assert found["least_confidence"] == pytest.approx(0.65)
    assert found["val"]["coverage"] == pytest.approx(4 / 5)
    assert found["test"]["coverage"] == pytest.approx(3 / 5)
    assert found["test"]["accuracy"] == 1
    assert found["area"]["val"] == pytest.approx((1 + 1 + 1 + 1 + 4 / 5) / 5)
    assert "val cannot vouch for evaluate.abstain 0.99" in capsys.readouterr().err
    unasked = decisions.decide_abstention(BOTH, None, 0.95)
    assert unasked == {"area": found["area"], "least_confidence": None}


def test_a_target_out_of_reach_is_told(capsys):
    wrong = BOTH | {"val": split([1, 0, 1], [0.05, 0.2, 0.9])}
    assert decisions.decide_abstention(wrong, 0.9, 0.95)["least_confidence"] is None
    assert "evaluate.abstain 0.9 is out of reach" in capsys.readouterr().err


def test_a_temperature_in_the_model_is_undone_and_one_that_is_not_is_fitted():
    temperature, panels = decisions.calibrated(BOTH, 2.0)
    assert temperature == 2.0
    np.testing.assert_array_equal(panels["after"], TEST.probabilities)
    odds = (TEST.probabilities[:, 1] / TEST.probabilities[:, 0]) ** 2
    np.testing.assert_allclose(panels["before"][:, 1], odds / (1 + odds))
    temperature, panels = decisions.calibrated(BOTH, 1.0)
    assert temperature != 1.0
    np.testing.assert_array_equal(panels["before"], TEST.probabilities)
    odds = (TEST.probabilities[:, 1] / TEST.probabilities[:, 0]) ** (1 / temperature)
    np.testing.assert_allclose(panels["after"][:, 1], odds / (1 + odds))


def test_curves_of_large_sets_stay_small():
    rng = np.random.default_rng(0)
    large = split(rng.integers(0, 2, 3000), rng.random(3000))
    x, y = decisions.coverage_points(large)
    assert len(x) <= decisions.GRID
    assert x[-1] == 1
    assert y[-1] == pytest.approx(large.right.mean())
