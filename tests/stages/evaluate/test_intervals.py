"""Intervals: textbook values, corner cases, and how often they hold the truth."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from benchmarks.intervals import draw, truth_of
from common.metric_names import HEADLINE, METRICS, PER_CLASS, metric_of
from stages.evaluate import intervals
from stages.evaluate.classification_report import with_intervals
from stages.evaluate.intervals import INTERVALS, exact_interval, share_intervals
from stages.evaluate.resampling import Resamples
from stages.evaluate.scores import Scorer


@given(st.integers(1, 500), st.floats(0, 1), st.sampled_from([0.8, 0.95, 0.99]))
def test_the_exact_interval_is_scipys(n, share, confidence):
    hits = round(n * share)
    expected = binomtest(hits, n).proportion_ci(confidence, method="exact")
    interval = exact_interval(hits / n, n, confidence)
    np.testing.assert_allclose(interval, expected, atol=1e-9)
    assert interval[0] <= hits / n <= interval[1]


def test_each_metric_has_a_kind_of_interval_that_there_is():
    assert {METRICS[name].interval for name in (*HEADLINE, *PER_CLASS)} == set(INTERVALS)
    assert metric_of("top_5_accuracy").interval in INTERVALS


def scores_of(label, p, group, resamples=200, seed=0, **keywords):
    """Metrics with intervals, of the split and of each class."""
    return with_intervals(label, p, Resamples(label, group, resamples, seed), 0.95, **keywords)


def metrics_of(*arguments, **keywords):
    return scores_of(*arguments, **keywords)[0]


def test_where_nothing_is_wrong_the_interval_is_that_of_the_groups():
    label = np.array([0] * 6 + [1] * 3)
    p = np.eye(2)[label] * 0.8 + 0.1
    metrics = metrics_of(label, p, np.arange(9))
    assert metrics["accuracy_low"] == pytest.approx(exact_interval(1.0, 9, 0.95)[0])
    assert metrics["f1_macro_low"] == pytest.approx(
        exact_interval(1.0, 4 / (1 / 6 + 1 / 3), 0.95)[0]
    )
    assert metrics["roc_auc_low"] == pytest.approx(exact_interval(1.0, 3, 0.95)[0])
    low = 2 * exact_interval(1.0, 4 / (1 / 6 + 1 / 3), 0.95)[0] - 1
    assert (metrics["mcc_low"], metrics["mcc_high"]) == (pytest.approx(low), 1.0)
    _, classes = scores_of(label, p, np.arange(9))
    assert classes[0]["recall_low"] == pytest.approx(exact_interval(1.0, 6, 0.95)[0])
    assert classes[1]["precision_low"] == pytest.approx(exact_interval(1.0, 3, 0.95)[0])
    pairs = metrics_of(label, p, np.array([0, 0, 1, 1, 2, 2, 3, 4, 5]))
    assert pairs["accuracy_low"] == pytest.approx(exact_interval(1.0, 6, 0.95)[0])


def test_copies_add_nothing():
    """Each image three times, as groups of three: the intervals of the images once."""
    label, p, group = draw([30, 20], 1.5, 4)
    once = metrics_of(label, p, group)
    thrice = metrics_of(*(np.repeat(values, 3, axis=0) for values in (label, p, group)))
    for name in HEADLINE:
        for end in ("", "_low", "_high"):
            assert thrice[name + end] == pytest.approx(once[name + end]), name
    alone = metrics_of(np.repeat(label, 3), np.repeat(p, 3, axis=0), np.arange(150))
    assert alone["accuracy_low"] > once["accuracy_low"]


def test_a_share_of_few_is_the_interval_of_a_binomial():
    """In one class with single images the bootstrap knows nothing that the binomial does not."""
    label = np.zeros(40, int)
    p = np.tile([0.9, 0.1], (40, 1))
    p[:4] = [0.1, 0.9]
    metrics = metrics_of(label, p, np.arange(40), 4000)
    expected = exact_interval(0.9, 40, 0.95)
    assert metrics["accuracy_low"] == pytest.approx(expected[0], abs=0.005)
    assert metrics["accuracy_high"] == pytest.approx(expected[1], abs=0.005)


def test_the_order_of_the_ends_and_what_is_undefined():
    label, p, group = draw([5, 4, 3], 1.0, 2)
    metrics = metrics_of(label, p, group, top_k=(2,))
    for name in (*HEADLINE, "top_2_accuracy"):
        assert metrics[f"{name}_low"] <= metrics[name] + 1e-12, name
        assert metrics[name] <= metrics[f"{name}_high"] + 1e-12, name
        assert metrics[f"{name}_low"] >= (-1 if name == "mcc" else 0)
    absent, classes = scores_of(label[:9], p[:9], group[:9])  # without the third class
    assert [absent[f"roc_auc{end}"] for end in ("", "_low", "_high")] == [None] * 3
    assert classes[2]["recall"] is classes[2]["recall_low"] is None
    assert absent["accuracy_low"] is not None


def test_one_image_gives_no_error_and_a_wide_interval():
    metrics = metrics_of(np.array([1]), np.array([[0.2, 0.8]]), np.array([0]))
    assert metrics["accuracy"] == 1
    assert metrics["accuracy_low"] == pytest.approx(exact_interval(1.0, 1, 0.95)[0])


def test_equal_seeds_give_equal_intervals():
    label, p, group = draw([12, 8], 1.0, 5)
    first = metrics_of(label, p, group)
    assert metrics_of(label, p, group) == first
    assert metrics_of(label, p, group, seed=1) != first


def test_shares_by_hand():
    label = np.array([0, 0, 0, 0, 1, 1])
    resamples = Resamples(label, np.array([0, 0, 1, 2, 3, 4]), 300, 0)
    whole = np.array([[1, 1, 1, 0, 0, 0], [0] * 6, [0, 0, 0, 0, 1, 1]], float)
    part = np.array([[1, 1, 0, 0, 0, 0], [0] * 6, [0, 0, 0, 0, 1, 1]], float)
    first, nothing, both = share_intervals(part, whole, resamples, 0.95)
    assert first["value"] == pytest.approx(2 / 3)
    assert first["groups"] == 2
    assert first["low"] < 0.2
    assert nothing == {"value": None, "low": None, "high": None, "groups": 0}
    assert (both["value"], both["low"]) == (1, pytest.approx(exact_interval(1.0, 2, 0.95)[0]))


# Images of each class, distance of the scores, near copies in a group.
SETS = {
    "49:9, .98": ([49, 9], 3.0, 1),
    "49:9, .92": ([49, 9], 2.0, 1),
    "10 x 30": ([30] * 10, 3.5, 1),
    "2 x 100 in groups of 4": ([100, 100], 2.0, 4),
}
SIMULATED = 150
COUNTED = ("accuracy", "balanced_accuracy", "precision_macro", "recall_macro", "f1_macro")
COUNTED += ("f1_weighted", "mcc")
# Measured with 1,000 sets by benchmarks/intervals.py; with 150 the standard error is about .02.
LEAST = dict.fromkeys(COUNTED, 0.92) | {"roc_auc": 0.84, "pr_auc": 0.84, "ece": 0.88}
# Where hard images are rare, a small set has none of them, and no interval can know.
LEAST |= {"loss": 0.76, "brier": 0.72}


@pytest.mark.parametrize("name", SETS)
def test_intervals_hold_the_truth_as_often_as_they_say(name):
    counts, distance, cluster = SETS[name]
    label, p = truth_of(counts, distance, 60_000)
    truth = Scorer(label, p).scores(np.ones((len(label), 1)))
    held = dict.fromkeys(LEAST, 0)
    percentile, classes = 0, 0
    for seed in range(SIMULATED):
        label, p, group = draw(counts, distance, seed, cluster)
        resamples = Resamples(label, group, 200, seed)
        metrics, per_class = with_intervals(label, p, resamples, 0.95)
        for metric in LEAST:
            low, high = (metrics[f"{metric}_{end}"] for end in ("low", "high"))
            held[metric] += low <= truth[metric][0] <= high
        row = per_class[-1]  # of the rarest class, or one of many
        classes += sum(
            row[metric] is None
            or row[f"{metric}_low"] <= truth[metric][-1, 0] <= row[f"{metric}_high"]
            for metric in PER_CLASS
        ) / len(PER_CLASS)
        if name == "49:9, .98":
            right = (p.argmax(axis=1) == label).astype(float)
            drawn = np.concatenate([right @ weights for weights in resamples]) / len(label)
            low, high = np.quantile(drawn, [0.025, 0.975])
            percentile += low <= truth["accuracy"][0] <= high
    for metric, least in LEAST.items():
        assert held[metric] / SIMULATED >= least, (metric, held)
    assert classes / SIMULATED >= 0.88
    if name == "49:9, .98":
        assert percentile / SIMULATED < 0.75  # what the plain bootstrap would do


def test_the_mapping_of_effective_sizes():
    sizes = intervals.effective_size([0.5, 0.5, 1.0, 0.5], [0.05, 0.01, 0.0, 0.0], 200)
    assert sizes.tolist() == pytest.approx([100, 200, 200, 200])
    assert intervals.effective_size(0.5, 0.01, 200, capped=False) == pytest.approx(2500)
