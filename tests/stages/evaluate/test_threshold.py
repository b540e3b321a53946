"""Thresholds on cases worked out by hand, and against every threshold tried one by one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score, precision_score, recall_score

from common.errors import StageError
from common.schema import Threshold
from stages.evaluate.threshold import (
    choose_threshold,
    count_by_threshold,
    decide_threshold,
    positive_class,
    threshold_curves,
    threshold_scores,
)
from tests.helpers.predicted_splits import BOTH, TEST, split_of

SCORE = np.array([0.1, 0.2, 0.3, 0.4, 0.6, 0.8])
TRUTH = np.array([0, 0, 1, 0, 1, 1], bool)


def rule(name, **changes):
    values = {"positive": None, "rule": name, "cost_ratio": 1.0, "min_recall": 0.9} | changes
    return Threshold(**values)


def choose(name, truth=TRUTH, score=SCORE, **changes):
    return choose_threshold(count_by_threshold(truth, score), rule(name, **changes))


def test_counts_by_hand():
    counts = count_by_threshold(TRUTH, SCORE)
    assert counts.tp.tolist() == [3, 3, 3, 2, 2, 1, 0]
    assert counts.fp.tolist() == [3, 2, 1, 1, 0, 0, 0]
    assert counts.fn.tolist() == [0, 0, 0, 1, 1, 2, 3]
    assert counts.high.tolist() == [0.1, 0.2, 0.3, 0.4, 0.6, 0.8, 1.0]


def test_each_rule_takes_the_middle_of_what_is_best():
    # F1: 6/7 for three found and one too many (.2 to .3); 4/5 for two found (.4 to .6).
    assert choose("f1") == pytest.approx(0.25)
    # Equal costs: one mistake both from .2 to .3 and from .4 to .6; the wider stretch wins.
    assert choose("cost") == pytest.approx(0.5)
    # A missed positive counts five times.
    assert choose("cost", cost_ratio=5.0) == pytest.approx(0.25)
    # All three must be found: precision 3/4 is the best of those that do.
    assert choose("min_recall") == pytest.approx(0.25)
    # Two of three are enough: precision 1 from .4 to .6.
    assert choose("min_recall", min_recall=0.6) == pytest.approx(0.5)


def test_separated_classes_are_cut_half_way():
    truth = np.array([0, 0, 1, 1], bool)
    assert choose("f1", truth, np.array([0.1, 0.3, 0.7, 0.9])) == pytest.approx(0.5)


def test_a_score_of_1_and_a_score_of_0_can_be_cut():
    truth = np.array([0, 1], bool)
    assert choose("f1", truth, np.array([0.0, 1.0])) == pytest.approx(0.5)
    assert choose("f1", truth, np.array([1.0, 1.0])) <= 1.0
    # The negative is surer: rather take both than the negative alone.
    assert choose("f1", truth, np.array([1.0, 0.4])) == pytest.approx(0.2)


@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 10)), min_size=2, max_size=25).filter(
        lambda rows: len({truth for truth, _ in rows}) == 2
    ),
    st.sampled_from(["f1", "cost", "min_recall"]),
)
def test_no_threshold_is_better(rows, name):
    truth = np.array([row[0] for row in rows])
    score = np.array([row[1] / 10 for row in rows])
    chosen = choose(name, truth, score, cost_ratio=3.0)
    reports = [threshold_scores(truth, score, t, 3.0) for t in np.arange(0, 1.0001, 0.025)]
    scores = threshold_scores(truth, score, chosen, 3.0)
    assert 0 <= chosen <= 1
    if name == "f1":
        assert scores["f1"] >= max(other["f1"] for other in reports) - 1e-9
    elif name == "cost":
        assert scores["cost"] <= min(other["cost"] for other in reports)
    else:
        enough = [other for other in reports if other["recall"] >= 0.9]
        assert scores["recall"] >= 0.9
        assert scores["precision"] >= max(other["precision"] or 0 for other in enough) - 1e-9


def test_the_report_agrees_with_scikit_learn():
    scores = threshold_scores(TRUTH, SCORE, 0.35, 2.0)
    taken = SCORE >= 0.35
    assert scores["precision"] == precision_score(TRUTH, taken)
    assert scores["recall"] == pytest.approx(recall_score(TRUTH, taken))
    assert scores["f1"] == pytest.approx(f1_score(TRUTH, taken))
    assert (scores["false_positives"], scores["false_negatives"], scores["cost"]) == (1, 1, 3.0)
    nothing = threshold_scores(TRUTH, SCORE, 0.9, 2.0)
    assert nothing["precision"] is None
    assert nothing["recall"] == 0


F1_RULE = rule("f1", cost_ratio=2.0)


def test_the_positive_class():
    assert positive_class(None, ["a", "b"], np.array([0, 1, 1])) == 0
    assert positive_class(None, ["a", "b"], np.array([0, 0, 1, 1])) == 1
    assert positive_class("a", ["a", "b"], np.array([0, 0, 1])) == 0
    assert positive_class(None, list("abc"), np.array([0, 1, 2])) is None
    with pytest.raises(StageError, match=r"threshold\.positive to be null or one of a, b.*: cat"):
        positive_class("cat", ["a", "b"], np.array([0, 1]))


def test_the_threshold_of_val_is_scored_on_test_beside_one_half():
    decided = decide_threshold(BOTH, 1, F1_RULE, 0.95)
    assert decided["threshold"] == pytest.approx(0.35)
    assert decided["val"]["f1"] == 1
    chosen, half = decided["test"]["chosen"], decided["test"]["half"]
    assert (chosen["precision"], chosen["recall"]) == (pytest.approx(2 / 3), 1)
    assert (chosen["false_positives"], chosen["false_negatives"], chosen["cost"]) == (1, 0, 1)
    assert (half["false_positives"], half["false_negatives"], half["cost"]) == (0, 1, 2)
    assert half["recall_low"] < half["recall"] < half["recall_high"]
    assert chosen["precision_low"] < 2 / 3 < chosen["precision_high"]


def test_a_recall_that_val_cannot_guarantee_is_reported(capsys):
    rule = F1_RULE.model_copy(update={"rule": "min_recall"})
    assert decide_threshold(BOTH, 1, rule, 0.95)["val"]["recall"] == 1
    warning = "val cannot guarantee evaluate.threshold.min_recall 0.9: its 2 positives"
    assert warning in capsys.readouterr().err


def test_val_with_one_class_gives_no_threshold_and_a_reason(capsys):
    one_class = BOTH | {"val": split_of([0, 0], [0.1, 0.2])}
    assert decide_threshold(one_class, 1, F1_RULE, 0.95) is None
    assert "no threshold can be chosen" in capsys.readouterr().err


def test_curves_at_thresholds_are_those_of_cutting_there():
    curves = threshold_curves(TEST, 1)
    for index in (0, 40, 80, 81, 90, 100, 180, 181, 200):
        taken = TEST.probabilities[:, 1] >= curves["threshold"][index] - 1e-12
        hits = (taken & (TEST.label == 1)).sum()
        assert curves["recall"][index] == hits / 2, index
        if taken.any():
            assert curves["precision"][index] == pytest.approx(hits / taken.sum()), index
        else:
            assert np.isnan(curves["precision"][index])
