"""The threshold of two classes: the probability from which the positive class is the answer.

Chosen on val by the rule of `evaluate.threshold`; what it does on test is reported beside 0.5.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from common import cli
from common.errors import StageError
from common.schema import Threshold
from stages.evaluate.intervals import share_intervals
from stages.evaluate.splits import Split

POINTS = 201  # of the curves that are kept and drawn


def positive_class(name: str | None, class_names: list[str], train_label: np.ndarray) -> int | None:
    """Index of the positive class of two; None for other than two classes.

    Args:
        name: from params.yaml; None takes the class that is rarer in train, of equals the second.
        class_names: in the order of the label index.
        train_label: int (n,).

    Raises:
        StageError: no such class.
    """
    if name is not None and name not in class_names:
        raise StageError(
            f"Expected evaluate.threshold.positive to be null or one of {', '.join(class_names)}. "
            f"Received: {name}."
        )
    if len(class_names) != 2:
        return None
    if name is not None:
        return class_names.index(name)
    counts = np.bincount(train_label, minlength=2)
    return 0 if counts[0] < counts[1] else 1


class Counts(NamedTuple):
    """True and false positives at each possible threshold, all (n_thresholds,).

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
    columns = (low, high, tp, fp, truth.sum() - tp)
    return Counts(*(values[possible] for values in columns))


def _f1(counts: Counts, settings: Threshold) -> np.ndarray:
    return counts.f1


def _negative_cost(counts: Counts, settings: Threshold) -> np.ndarray:
    return -(counts.fp + settings.cost_ratio * counts.fn)


def _precision_with_recall(counts: Counts, settings: Threshold) -> np.ndarray:
    # Rounding in the quotient must not refuse 0.95 of 20.
    enough = counts.recall >= settings.min_recall - 1e-12
    return np.where(enough, np.nan_to_num(counts.precision), -np.inf)


# By evaluate.threshold.rule: the quantity to maximise, float (n_thresholds,).
RULES: dict[str, Callable[[Counts, Threshold], np.ndarray]] = {
    "f1": _f1,
    "cost": _negative_cost,
    "min_recall": _precision_with_recall,
}


def choose_threshold(counts: Counts, settings: Threshold) -> float:
    """The threshold that is best by the rule, on validation.

    - f1: the highest F1.
    - cost: the lowest FP + cost_ratio FN.
    - min_recall: the highest precision where recall is at least min_recall; with threshold 0 the
      recall always is 1.

    Neighbouring thresholds that are equally good make one stretch. The widest stretch is taken,
    of equally wide ones the highest, and of it the middle: farthest from where validation says
    that things get worse.
    """
    worth = RULES[settings.rule](counts, settings)
    best = worth >= worth.max() - 1e-12
    edges = np.flatnonzero(np.diff(np.concatenate([[0], best.astype(int), [0]])))
    low = np.maximum(counts.low[edges[0::2]], 0.0)
    high = counts.high[edges[1::2] - 1]
    width = np.round(high - low, 9)
    widest = np.flatnonzero(width == width.max())[-1]
    return float((low[widest] + high[widest]) / 2)


def threshold_scores(
    truth: np.ndarray, score: np.ndarray, threshold: float, cost_ratio: float
) -> dict:
    """Mistakes and cost of answering with the positive class from a threshold on.

    Args:
        truth: bool (n,), whether an image is of the positive class.
        score: float (n,), its probability, 0 to 1.
        threshold: images with at least this score are taken.
        cost_ratio: cost of a false negative over that of a false positive.

    Returns:
        precision, recall, f1 (None where undefined), false_positives, false_negatives and cost
        (FP + cost_ratio FN).
    """
    taken = score >= threshold
    tp = int((truth & taken).sum())
    fp = int((~truth & taken).sum())
    fn = int((truth & ~taken).sum())
    return {
        "precision": tp / (tp + fp) if tp + fp else None,
        "recall": tp / (tp + fn) if tp + fn else None,
        "f1": 2 * tp / (2 * tp + fp + fn) if tp + fp + fn else None,
        "false_positives": fp,
        "false_negatives": fn,
        "cost": float(fp + cost_ratio * fn),
    }


def threshold_intervals(
    split: Split, positive: int, threshold: float, confidence: float
) -> dict[str, float | None]:
    """The ends of the intervals of precision, recall and F1 at a threshold: <name>_low and _high.

    Args:
        split: val or test.
        positive: index of the positive class.
        threshold: on its probability.
        confidence: of the intervals.
    """
    truth = split.label == positive
    taken = split.probabilities[:, positive] >= threshold
    hits = taken & truth
    above = np.stack([hits, hits, 2 * hits]).astype(float)
    below = np.stack([taken, truth, taken * 1 + truth]).astype(float)
    ends = {}
    intervals = share_intervals(above, below, split.resamples, confidence)
    for name, interval in zip(("precision", "recall", "f1"), intervals, strict=True):
        ends |= {f"{name}_low": interval["low"], f"{name}_high": interval["high"]}
    return ends


def decide_threshold(
    splits: dict[str, Split], positive: int, settings: Threshold, confidence: float
) -> dict | None:
    """The threshold that the rule chooses on val, and its scores on val and test.

    Returns:
        threshold, val and test; test has two parts, `chosen` and `half` (for 0.5). Each is as of
        `threshold_scores` and `threshold_intervals`. None, with the reason on stderr, where
        validation lacks one of the classes.
    """
    val = splits["val"]
    truth = val.label == positive
    if not truth.any() or truth.all():
        cli.warn("evaluate", "val has one class only: no threshold can be chosen")
        return None
    chosen = choose_threshold(count_by_threshold(truth, val.probabilities[:, positive]), settings)

    def scores(split: Split, threshold: float) -> dict:
        truth, score = split.label == positive, split.probabilities[:, positive]
        return threshold_scores(truth, score, threshold, settings.cost_ratio) | threshold_intervals(
            split, positive, threshold, confidence
        )

    test = splits["test"]
    decided = {
        "threshold": chosen,
        "val": scores(val, chosen),
        "test": {"chosen": scores(test, chosen), "half": scores(test, 0.5)},
    }
    wanted, low = settings.min_recall, decided["val"]["recall_low"]
    if settings.rule == "min_recall" and low < wanted:
        cli.warn(
            "evaluate",
            f"val cannot guarantee evaluate.threshold.min_recall {wanted:g}: its "
            f"{int(truth.sum()):,} positives have recall {decided['val']['recall']:.4f} at "
            f"the threshold, which may be {low:.4f} in truth ({confidence:.0%} interval)",
        )
    return decided


def threshold_curves(split: Split, positive: int) -> dict[str, np.ndarray]:
    """threshold, precision, recall and f1, each (POINTS,), NaN where undefined."""
    truth = split.label == positive
    counts = count_by_threshold(truth, split.probabilities[:, positive])
    grid = np.linspace(0, 1, POINTS)
    # The entry of a threshold is the one with low < t <= high; beyond the last score all are left.
    place = np.minimum(np.searchsorted(counts.high, grid, side="left"), len(counts.high) - 1)
    scores = {"precision": counts.precision, "recall": counts.recall, "f1": counts.f1}
    return {"threshold": grid} | {name: values[place] for name, values in scores.items()}


def _ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    return np.where(denominator > 0, numerator / np.maximum(denominator, 1), np.nan)
