"""Paired bootstrap intervals of differences, for metrics without an exact interval of their own."""

from typing import NamedTuple

import numpy as np

from stages.evaluate.intervals import LOWEST
from stages.evaluate.resampling import Resamples
from stages.evaluate.scores import Scorer
from tools.compare.paired import LEVEL, Interval

METRICS = ("f1_macro", "loss")


class Drawn(NamedTuple):
    """A metric of one model.

    Attributes:
        value: on the images as they are.
        samples: float (resamples,), in each bootstrap sample.
    """

    value: float
    samples: np.ndarray


def draw_scores(
    label: np.ndarray, probabilities: np.ndarray, resamples: Resamples
) -> dict[str, Drawn]:
    """METRICS of one model; models that are compared must share the resamples.

    Args:
        label: int (n,).
        probabilities: float (n, n_classes), rows add up to 1.
        resamples: stratified, of whole near-duplicate groups.
    """
    scorer = Scorer(label, probabilities, areas=False)
    values = scorer.scores(np.ones((len(label), 1)))
    chunks = [scorer.scores(weights) for weights in resamples]
    return {
        name: Drawn(float(values[name][0]), np.concatenate([chunk[name] for chunk in chunks]))
        for name in METRICS
    }


def difference(first: Drawn, second: Drawn) -> Interval:
    """Second minus first, with its percentile interval (Efron & Tibshirani 1993).

    Without limits where each sample gives the same, so that nothing is learned about the spread,
    as where there is but one group of near copies.
    """
    samples = second.samples - first.samples
    tail = 100 * (1 - LEVEL) / 2
    low, high = np.percentile(samples, [tail, 100 - tail])
    limits = (float(low), float(high)) if np.ptp(samples) > LOWEST else (None, None)
    return Interval(second.value - first.value, *limits)
