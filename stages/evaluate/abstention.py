"""Abstention (selective classification): answering only the images that the model is sure of.

El-Yaniv & Wiener 2010, "On the foundations of noise-free selective classification": the
risk-coverage curve. Confidence is the probability of the top class, so no training is needed
(Geifman & El-Yaniv 2017, "Selective classification for deep neural networks").
"""

import numpy as np

from common import cli
from stages.evaluate.intervals import share_intervals
from stages.evaluate.splits import Split

POINTS = 201  # of the curve that is kept and drawn, at most


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


def coverage_points(split: Split) -> tuple[np.ndarray, np.ndarray]:
    """(coverage, accuracy) of at most POINTS points, evenly spread, the last one always there."""
    coverage, accuracy, _ = coverage_curve(split.right, split.confidence)
    if len(coverage) > POINTS:
        kept = np.unique(np.linspace(0, len(coverage) - 1, POINTS).round().astype(int))
        coverage, accuracy = coverage[kept], accuracy[kept]
    return coverage, accuracy


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


def choose_confidence(right: np.ndarray, confidence: np.ndarray, target: float) -> float | None:
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


def abstention_scores(split: Split, least: float, confidence: float) -> dict:
    """What is answered from a least confidence on, and how much of it is right.

    Args:
        split: val or test.
        least: probability of the likeliest class from which on an image is answered.
        confidence: of the intervals.

    Returns:
        coverage, accuracy, accuracy_low and accuracy_high, the last three None where nothing is
        answered.
    """
    answered = split.confidence >= least
    hits = (answered & split.right).astype(float)[None]
    (share,) = share_intervals(hits, answered.astype(float)[None], split.resamples, confidence)
    return {
        "coverage": float(answered.mean()),
        "accuracy": share["value"],
        "accuracy_low": share["low"],
        "accuracy_high": share["high"],
    }


def decide_abstention(splits: dict[str, Split], target: float | None, confidence: float) -> dict:
    """The least confidence to answer from, chosen on val, and its scores on val and test.

    Args:
        splits: val and test.
        target: accuracy that the answered images of val must reach; None: all are answered.
        confidence: of the intervals.

    Returns:
        area (of accuracy over coverage) by split, least_confidence (None where none was asked
        for, or the target is out of reach: the reason is on stderr), and with one val and test,
        each as of `abstention_scores`.
    """
    decided = {
        "area": {
            name: coverage_area(split.right, split.confidence) for name, split in splits.items()
        },
        "least_confidence": None,
    }
    if target is None:
        return decided
    val = splits["val"]
    least = choose_confidence(val.right, val.confidence, target)
    if least is None:
        cli.warn(
            "evaluate",
            f"evaluate.abstain {target:g} is out of reach: even the surest images of val are "
            "less often right; nothing is left unanswered",
        )
        return decided
    decided["least_confidence"] = least
    decided |= {name: abstention_scores(split, least, confidence) for name, split in splits.items()}
    if decided["val"]["accuracy_low"] < target:
        cli.warn(
            "evaluate",
            f"val cannot guarantee evaluate.abstain {target:g}: on what it answers the "
            f"accuracy is {decided['val']['accuracy']:.4f}, which may be "
            f"{decided['val']['accuracy_low']:.4f} in truth ({confidence:.0%} interval)",
        )
    if decided["test"]["accuracy"] is None:
        cli.warn("evaluate", "no image of test is sure enough to be answered")
    return decided
