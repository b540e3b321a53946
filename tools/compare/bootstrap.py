"""Paired stratified bootstrap over near-duplicate groups, for what has no interval of its own."""

from collections.abc import Callable

import numpy as np

from tools.compare.paired import CLIP, LEVEL, Interval


class Resampler:
    """Weights of pictures in bootstrap samples, drawn by group within classes.

    Rao & Wu's rescaled bootstrap (1988, JASA 83): of a class with m groups m - 1 are drawn, with
    weight m / (m - 1), because the usual m of m is too narrow by that factor in small classes.
    Classes of a single group are drawn from together.

    Args:
        label: int (n,), at least two groups of them.
        group: int (n,), equal for near copies; a group belongs to the class of its first picture.
        seed: of the draws.
    """

    def __init__(self, label: np.ndarray, group: np.ndarray, seed: int):
        _, first, self._index = np.unique(group, return_index=True, return_inverse=True)
        stratum = label[first]
        sizes = np.bincount(stratum)
        single = np.flatnonzero(sizes == 1)
        if len(single) == 1:  # alone: joins the largest class
            stratum = np.where(stratum == single[0], sizes.argmax(), stratum)
        elif len(single):
            stratum = np.where(np.isin(stratum, single), single[0], stratum)
        order = np.argsort(stratum, kind="stable")
        _, starts, counts = np.unique(stratum[order], return_index=True, return_counts=True)
        self._order = order
        self._start = np.repeat(starts, counts - 1)
        self._count = np.repeat(counts, counts - 1)
        self._scale = np.empty(len(order))
        self._scale[order] = np.repeat(counts / np.maximum(1, counts - 1), counts)
        self._random = np.random.default_rng(seed)

    def draw(self) -> np.ndarray:
        """The weights of one sample, float64 (n,)."""
        picks = self._start + (self._random.random(len(self._start)) * self._count).astype(int)
        times = np.bincount(self._order[picks], minlength=len(self._order))
        return (times * self._scale)[self._index]


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
    resampler = Resampler(label, group, seed)
    drawn = {name: np.empty(resamples) for name in pairs}
    for index in range(resamples):
        weights = resampler.draw()
        for name, (one, two) in pairs.items():
            drawn[name][index] = two(weights) - one(weights)
    tail = 100 * (1 - LEVEL) / 2
    found = {}
    for name, values in drawn.items():
        low, high = np.percentile(values, [tail, 100 - tail])
        limits = (float(low), float(high)) if np.ptp(values) > 0 else (None, None)
        found[name] = Interval(estimates[name], *limits)
    return found
