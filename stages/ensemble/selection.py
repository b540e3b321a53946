"""Greedy ensemble selection, and weighted means of several models' probabilities."""

import numpy as np

from common.metrics import cross_entropy

# Losses this close differ by the order of their sums alone.
MARGIN = 1e-9


def select(y_true: np.ndarray, probabilities: list[np.ndarray], size: int) -> list[int]:
    """Greedy forward selection with replacement, by cross-entropy.

    Caruana et al. 2004, "Ensemble selection from libraries of models", sections 2 and 2.1: start
    from the best model and add, again and again, the one with which the average is best. As with
    them, a step may be a step back, because a small share of a model can help where an equal
    share does not; in the end the shortest list of the lowest cross-entropy is kept. It starts
    with the best model alone, so it never is worse than that, on these examples.

    Args:
        y_true: int (n_samples,).
        probabilities: of each model, float (n_samples, n_classes).
        size: picks at most, at least 1.

    Returns:
        Indices into `probabilities` in the order of the picks. Of equals the first is taken.
    """
    picks, losses = [], []
    total = np.zeros_like(probabilities[0])
    for count in range(1, size + 1):
        next_losses = [cross_entropy(y_true, (total + p) / count) for p in probabilities]
        pick = _first_lowest(next_losses)
        picks.append(pick)
        losses.append(next_losses[pick])
        total = total + probabilities[pick]
    return picks[: _first_lowest(losses) + 1]


def weights_of(picks: list[int], n: int) -> np.ndarray:
    """The share of each of n models in the picks, float (n,), adding up to 1."""
    return np.bincount(picks, minlength=n) / len(picks)


def blend(probabilities: list[np.ndarray], weights: np.ndarray) -> np.ndarray:
    """The weighted mean of models' probabilities, float (n_samples, n_classes)."""
    return np.tensordot(weights, np.stack(probabilities), axes=1)


def distinct(probabilities: list[dict[str, np.ndarray]]) -> list[int]:
    """For each model the first one with the same probabilities, in every split; often itself."""
    return [
        next(
            i
            for i, other in enumerate(probabilities)
            if all(np.array_equal(model[split], other[split]) for split in model)
        )
        for model in probabilities
    ]


def _first_lowest(losses: list[float]) -> int:
    """Index of the first loss that is the lowest, but for rounding."""
    return next(i for i, loss in enumerate(losses) if loss <= min(losses) + MARGIN)
