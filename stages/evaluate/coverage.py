"""Abstention: how accurate the model is on the images that it is surest of.

El-Yaniv & Wiener 2010, "On the foundations of noise-free selective classification": the
risk-coverage curve. Sureness is the probability of the top class, so no training is needed
(Geifman & El-Yaniv 2017, "Selective classification for deep neural networks").
"""

import numpy as np


def coverage_curve(
    right: np.ndarray, confidence: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Accuracy on the answered images, for each least confidence that answers some.

    Args:
        right: bool (n,).
        confidence: float (n,).

    Returns:
        (coverage, accuracy, confidence), each (distinct confidences,), coverage rising to 1.
        Images of equal confidence are answered together.
    """
    order = np.argsort(-confidence, kind="stable")
    ordered = confidence[order]
    ends = np.flatnonzero(np.append(np.diff(ordered) != 0, True))
    hits = np.cumsum(right[order])[ends]
    return (ends + 1) / len(right), hits / (ends + 1), ordered[ends]


def coverage_area(right: np.ndarray, confidence: np.ndarray) -> float:
    """Area under accuracy against coverage, 0 to 1: the mean accuracy over all coverages k / n.

    1 minus AURC (Geifman et al. 2019, "Bias-reduced uncertainty estimation for deep neural
    classifiers", eq. 4). Within images of equal confidence mistakes count as evenly spread.
    """
    coverage, accuracy, _ = coverage_curve(right, confidence)
    n = len(right)
    ends = coverage * n
    k = np.arange(1, n + 1)
    hits = np.interp(k, np.append(0, ends), np.append(0, accuracy * ends))
    return float((hits / k).mean())


def choose_least(right: np.ndarray, confidence: np.ndarray, target: float) -> float | None:
    """The least confidence to answer from, such that `target` of the answered are right.

    Of all that reach the target, the one that answers most; between it and the confidence of the
    first image that is not answered, the middle. 0 answers all.

    Returns:
        None where the target is not reached even with the surest images alone.
    """
    _, accuracy, level = coverage_curve(right, confidence)
    reached = np.flatnonzero(accuracy >= target - 1e-12)
    if not len(reached):
        return None
    last = reached[-1]
    if last == len(level) - 1:
        return 0.0
    return float((level[last] + level[last + 1]) / 2)
