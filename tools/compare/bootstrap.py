"""Paired stratified bootstrap over near-duplicate groups, for what has no interval of its own."""

from collections.abc import Callable

import numpy as np

from stages.evaluate.resampling import Resamples
from tools.compare.paired import CLIP, LEVEL, Interval


def macro_f1(label: np.ndarray, predicted: np.ndarray, n_classes: int) -> Callable:
    """A function from weights to the unweighted mean of F1 over classes that have any weight."""

    def score(weights: np.ndarray) -> float:
        support = np.bincount(label, weights, n_classes)
        claimed = np.bincount(predicted, weights, n_classes)
        hits = np.bincount(label, weights * (label == predicted), n_classes)
        total = support + claimed
        return float((2 * hits[total > 0] / total[total > 0]).mean())

    return score


def mean_loss(label: np.ndarray, probabilities: np.ndarray) -> Callable:
    """A function from weights to the mean cross-entropy, nats."""
    loss = -np.log(np.clip(probabilities[np.arange(len(label)), label], CLIP, 1.0))
    return lambda weights: float(np.average(loss, weights=weights))


def intervals(
    label: np.ndarray,
    group: np.ndarray,
    pairs: dict[str, tuple[Callable, Callable]],
    resamples: int,
    seed: int,
) -> dict[str, Interval]:
    """Percentile intervals (Efron & Tibshirani 1993) of differences, second minus first.

    Args:
        label: int (n,).
        group: int (n,), equal for near copies.
        pairs: name to the two functions from weights, float (n,), to a score.
        resamples: number of samples.
        seed: of the draws.

    Returns:
        by name; without limits where each sample gives the same, so that nothing is learned
        about the spread, or where there is but one group.
    """
    whole = np.ones(len(label))
    estimates = {name: two(whole) - one(whole) for name, (one, two) in pairs.items()}
    if len(np.unique(group)) < 2:
        return {name: Interval(value, None, None) for name, value in estimates.items()}
    drawn: dict[str, list[float]] = {name: [] for name in pairs}
    for chunk in Resamples(label, group, resamples, seed):
        for weights in chunk.T:
            for name, (one, two) in pairs.items():
                drawn[name].append(two(weights) - one(weights))
    tail = 100 * (1 - LEVEL) / 2
    found = {}
    for name, values in drawn.items():
        low, high = np.percentile(values, [tail, 100 - tail])
        limits = (float(low), float(high)) if np.ptp(values) > 0 else (None, None)
        found[name] = Interval(estimates[name], *limits)
    return found
