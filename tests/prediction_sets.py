"""Predictions with a known truth behind them, to simulate test sets from."""

import numpy as np
from scipy.special import softmax


def draw(counts, distance, seed, cluster=1, alike=0.9, scale=1.5):
    """One test set.

    Scores are normal, higher by `distance` for the true class, and probabilities their softmax
    with six decimals.

    Args:
        counts: pictures of each class.
        distance: in standard deviations.
        seed: of the draw.
        cluster: near copies in a group.
        alike: correlation of the scores within a group.
        scale: on the scores before the softmax.

    Returns:
        (label, probabilities, group).
    """
    rng = np.random.default_rng(seed)
    label = np.repeat(np.arange(len(counts)), counts)
    within = np.concatenate([np.arange(count) // cluster for count in counts])
    _, group = np.unique(label * 10**6 + within, return_inverse=True)
    scores = rng.normal(size=(len(label), len(counts)))
    if cluster > 1:
        shared = rng.normal(size=(group.max() + 1, len(counts)))[group]
        scores = np.sqrt(alike) * shared + np.sqrt(1 - alike) * scores
    scores[np.arange(len(label)), label] += distance
    return label, np.round(softmax(scale * scores, axis=1), 6), group


def truth_of(counts, distance, n=200_000):
    """Label and probabilities of a set so large that its metrics are the true ones."""
    label, p, _ = draw([count * max(1, n // sum(counts)) for count in counts], distance, 987)
    return label, p
