"""Where to cut: the probability from which one of two classes is taken."""

from typing import NamedTuple

import numpy as np

from common.schema import Threshold


class Counts(NamedTuple):
    """What each possible threshold gives, all (n_thresholds,).

    A threshold t takes images with a score of t or more. Between two neighbouring scores all
    thresholds give the same, so each entry stands for those above `low` and up to `high`.

    Attributes:
        low: float, rising; -1 for the first, which takes every image, as 0 does.
        high: float.
        tp: int, positives taken.
        fp: int, negatives taken.
        fn: int, positives left.
    """

    low: np.ndarray
    high: np.ndarray
    tp: np.ndarray
    fp: np.ndarray
    fn: np.ndarray

    @property
    def precision(self) -> np.ndarray:
        """TP / (TP + FP); NaN where nothing is taken."""
        return _ratio(self.tp, self.tp + self.fp)

    @property
    def recall(self) -> np.ndarray:
        """TP / (TP + FN)."""
        return _ratio(self.tp, self.tp + self.fn)

    @property
    def f1(self) -> np.ndarray:
        """2 TP / (2 TP + FP + FN)."""
        return _ratio(2 * self.tp, 2 * self.tp + self.fp + self.fn)


def count_by_threshold(truth: np.ndarray, score: np.ndarray) -> Counts:
    """Counts for all thresholds from 0 to 1 that differ in what they take.

    Args:
        truth: bool (n,), whether an image is of the positive class.
        score: float (n,), its probability, 0 to 1.
    """
    values, place = np.unique(score, return_inverse=True)
    positives = np.bincount(place, weights=truth, minlength=len(values)).astype(int)
    negatives = np.bincount(place, weights=~truth, minlength=len(values)).astype(int)
    low, high = np.append(-1.0, values), np.append(values, 1.0)
    # Taken are the scores from `high` on, which of the last stretch is none.
    tp = np.append(np.cumsum(positives[::-1])[::-1], 0)
    fp = np.append(np.cumsum(negatives[::-1])[::-1], 0)
    possible = high > low  # no threshold up to 1 lies above a score of 1
    found = Counts(low, high, tp, fp, truth.sum() - tp)
    return Counts(*(values[possible] for values in found))


def choose(counts: Counts, rule: Threshold) -> float:
    """The threshold that is best by the rule, on validation.

    - f1: the highest F1.
    - cost: the lowest FP + cost_ratio FN.
    - min_recall: the highest precision where recall is at least min_recall; 0 always is one.

    Of equally good stretches of thresholds that lie side by side (as numbers are, so are their
    values) the widest is taken, of equally wide ones the highest, and of it the middle: farthest
    from where validation says that things get worse.
    """
    if rule.rule == "f1":
        worth = counts.f1
    elif rule.rule == "cost":
        worth = -(counts.fp + rule.cost_ratio * counts.fn)
    else:
        # Rounding in the quotient must not refuse 0.95 of 20.
        enough = counts.recall >= rule.min_recall - 1e-12
        worth = np.where(enough, np.nan_to_num(counts.precision), -np.inf)
    best = worth >= worth.max() - 1e-12
    edges = np.flatnonzero(np.diff(np.concatenate([[0], best.astype(int), [0]])))
    low = np.maximum(counts.low[edges[0::2]], 0.0)
    high = counts.high[edges[1::2] - 1]
    width = np.round(high - low, 9)
    widest = np.flatnonzero(width == width.max())[-1]
    return float((low[widest] + high[widest]) / 2)


def report(truth: np.ndarray, score: np.ndarray, threshold: float, cost_ratio: float) -> dict:
    """What a threshold does.

    Returns:
        precision, recall, f1 (None where undefined), false_positives, false_negatives and cost
        (FP + cost_ratio FN).
    """
    taken = score >= threshold
    tp, fp, fn = (
        int((truth & taken).sum()),
        int((~truth & taken).sum()),
        int((truth & ~taken).sum()),
    )
    return {
        "precision": tp / (tp + fp) if tp + fp else None,
        "recall": tp / (tp + fn) if tp + fn else None,
        "f1": 2 * tp / (2 * tp + fp + fn) if tp + fp + fn else None,
        "false_positives": fp,
        "false_negatives": fn,
        "cost": float(fp + cost_ratio * fn),
    }


def _ratio(over: np.ndarray, under: np.ndarray) -> np.ndarray:
    return np.where(under > 0, over / np.maximum(under, 1), np.nan)
