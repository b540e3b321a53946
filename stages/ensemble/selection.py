"""Several models' probabilities as one: a plain average, and a greedy selection with weights."""

import numpy as np

from common.metrics import averages, cross_entropy

# What is reported of each member; larger is better but for the loss.
JUDGED = ("accuracy", "balanced_accuracy", "f1_macro", "loss", "n_examples")
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
        tried = [cross_entropy(y_true, (total + one) / count) for one in probabilities]
        pick = next(i for i, loss in enumerate(tried) if loss <= min(tried) + MARGIN)
        picks.append(pick)
        losses.append(tried[pick])
        total = total + probabilities[pick]
    kept = next(i for i, loss in enumerate(losses) if loss <= min(losses) + MARGIN)
    return picks[: kept + 1]


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
            if all(np.array_equal(one[split], other[split]) for split in one)
        )
        for one in probabilities
    ]


def judge(y_true: np.ndarray, probabilities: np.ndarray) -> dict:
    """Those metrics of one split that stand in JUDGED."""
    found = averages(y_true, probabilities)
    return {name: found[name] for name in JUDGED}


def gain(y_true: np.ndarray, before: np.ndarray, after: np.ndarray) -> dict:
    """What `after` is better than `before`: both float (n_samples, n_classes).

    Returns:
        accuracy, balanced_accuracy and f1_macro (differences; above 0 is better), loss_decrease
        (nats; above 0 is better), wrong_to_right and right_to_wrong (numbers of images).
    """
    old, new = judge(y_true, before), judge(y_true, after)
    was, now = (one.argmax(axis=1) == y_true for one in (before, after))
    risen = ("accuracy", "balanced_accuracy", "f1_macro")
    return {name: new[name] - old[name] for name in risen} | {
        "loss_decrease": old["loss"] - new["loss"],
        "wrong_to_right": int((now & ~was).sum()),
        "right_to_wrong": int((was & ~now).sum()),
    }
