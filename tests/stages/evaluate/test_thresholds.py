"""Thresholds on cases worked out by hand, and against every threshold tried one by one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score, precision_score, recall_score

from common.schema import Threshold
from stages.evaluate import thresholds

SCORE = np.array([0.1, 0.2, 0.3, 0.4, 0.6, 0.8])
TRUTH = np.array([0, 0, 1, 0, 1, 1], bool)


def rule(name, **changes):
    values = {"positive": None, "rule": name, "cost_ratio": 1.0, "min_recall": 0.9} | changes
    return Threshold(**values)


def choose(name, truth=TRUTH, score=SCORE, **changes):
    return thresholds.choose(thresholds.count_by_threshold(truth, score), rule(name, **changes))


def test_counts_by_hand():
    found = thresholds.count_by_threshold(TRUTH, SCORE)
    assert found.tp.tolist() == [3, 3, 3, 2, 2, 1, 0]
    assert found.fp.tolist() == [3, 2, 1, 1, 0, 0, 0]
    assert found.fn.tolist() == [0, 0, 0, 1, 1, 2, 3]
    assert found.high.tolist() == [0.1, 0.2, 0.3, 0.4, 0.6, 0.8, 1.0]


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
    reports = [thresholds.report(truth, score, t, 3.0) for t in np.arange(0, 1.0001, 0.025)]
    own = thresholds.report(truth, score, chosen, 3.0)
    assert 0 <= chosen <= 1
    if name == "f1":
        assert own["f1"] >= max(found["f1"] for found in reports) - 1e-9
    elif name == "cost":
        assert own["cost"] <= min(found["cost"] for found in reports)
    else:
        enough = [found for found in reports if found["recall"] >= 0.9]
        assert own["recall"] >= 0.9
        assert own["precision"] >= max(found["precision"] or 0 for found in enough) - 1e-9


def test_the_report_agrees_with_scikit_learn():
    found = thresholds.report(TRUTH, SCORE, 0.35, 2.0)
    taken = SCORE >= 0.35
    assert found["precision"] == precision_score(TRUTH, taken)
    assert found["recall"] == pytest.approx(recall_score(TRUTH, taken))
    assert found["f1"] == pytest.approx(f1_score(TRUTH, taken))
    assert (found["false_positives"], found["false_negatives"], found["cost"]) == (1, 1, 3.0)
    nothing = thresholds.report(TRUTH, SCORE, 0.9, 2.0)
    assert nothing["precision"] is None
    assert nothing["recall"] == 0
