"""What a server needs to decide, chosen on validation and told with what it does on test."""

from typing import NamedTuple

import numpy as np

from common import calibration, cli
from common.errors import StageError
from common.schema import Evaluate, Threshold
from stages.evaluate import coverage, thresholds
from stages.evaluate.intervals import shares
from stages.evaluate.resampling import Resamples

GRID = 201  # points of the curves that are kept and drawn


class Split(NamedTuple):
    """Val or test, as all of judging sees it.

    Attributes:
        label: int (n,).
        probabilities: float (n, n_classes).
        resamples: of its images.
    """

    label: np.ndarray
    probabilities: np.ndarray
    resamples: Resamples

    @property
    def right(self) -> np.ndarray:
        """Whether the likeliest class is the true one, bool (n,)."""
        return self.probabilities.argmax(axis=1) == self.label

    @property
    def confidence(self) -> np.ndarray:
        """Probability of the likeliest class, float (n,)."""
        return self.probabilities.max(axis=1)


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


def decide_threshold(
    splits: dict[str, Split], positive: int, settings: Threshold, confidence: float
) -> dict | None:
    """The threshold by the rule, and precision, recall, F1, mistakes and cost with it.

    Returns:
        threshold, val and test; test has two parts, `chosen` and `half` (for 0.5). Each is as of
        `thresholds.report`, with the ends of intervals. None, with the reason on stderr, where
        validation lacks one of the classes.
    """
    truth = {name: split.label == positive for name, split in splits.items()}
    score = {name: split.probabilities[:, positive] for name, split in splits.items()}
    if not truth["val"].any() or truth["val"].all():
        cli.warn("evaluate", "val has one class only: no threshold can be chosen")
        return None
    counts = thresholds.count_by_threshold(truth["val"], score["val"])
    chosen = thresholds.choose(counts, settings)

    def told(name: str, threshold: float) -> dict:
        found = thresholds.report(truth[name], score[name], threshold, settings.cost_ratio)
        taken = score[name] >= threshold
        hit = taken & truth[name]
        part = np.stack([hit, hit, 2 * hit]).astype(float)
        whole = np.stack([taken, truth[name], taken * 1 + truth[name]]).astype(float)
        ends = shares(part, whole, splits[name].resamples, confidence)
        for metric, each in zip(("precision", "recall", "f1"), ends, strict=True):
            found |= {f"{metric}_low": each["low"], f"{metric}_high": each["high"]}
        return found

    result = {
        "threshold": chosen,
        "val": told("val", chosen),
        "test": {"chosen": told("test", chosen), "half": told("test", 0.5)},
    }
    wanted, low = settings.min_recall, result["val"]["recall_low"]
    if settings.rule == "min_recall" and low < wanted:
        cli.warn(
            "evaluate",
            f"val cannot vouch for evaluate.threshold.min_recall {wanted:g}: its "
            f"{int(truth['val'].sum()):,} positives have recall {result['val']['recall']:.4f} at "
            f"the threshold, which may be {low:.4f} in truth ({confidence:.0%} interval)",
        )
    return result


def threshold_curves(split: Split, positive: int) -> dict[str, np.ndarray]:
    """threshold, precision, recall and f1, each (GRID,), NaN where undefined."""
    truth = split.label == positive
    counts = thresholds.count_by_threshold(truth, split.probabilities[:, positive])
    grid = np.linspace(0, 1, GRID)
    # The entry of a threshold is the one with low < t <= high; beyond the last score all are left.
    place = np.minimum(np.searchsorted(counts.high, grid, side="left"), len(counts.high) - 1)
    found = {"precision": counts.precision, "recall": counts.recall, "f1": counts.f1}
    return {"threshold": grid} | {name: values[place] for name, values in found.items()}


def decide_abstention(splits: dict[str, Split], target: float | None, confidence: float) -> dict:
    """The least confidence to answer from, and what is answered and right with it.

    Returns:
        area (of accuracy over coverage) by split, least_confidence (None where none was asked
        for, or the target is out of reach: the reason is on stderr), and with one val and test:
        coverage, accuracy, accuracy_low and accuracy_high.
    """
    found = {
        "area": {
            name: coverage.coverage_area(split.right, split.confidence)
            for name, split in splits.items()
        },
        "least_confidence": None,
    }
    if target is None:
        return found
    val = splits["val"]
    least = coverage.choose_least(val.right, val.confidence, target)
    if least is None:
        cli.warn(
            "evaluate",
            f"evaluate.abstain {target:g} is out of reach: even the surest pictures of val are "
            "less often right; nothing is left unanswered",
        )
        return found
    found["least_confidence"] = least
    for name, split in splits.items():
        answered = split.confidence >= least
        hit = (answered & split.right).astype(float)[None]
        each = shares(hit, answered.astype(float)[None], split.resamples, confidence)[0]
        found[name] = {
            "coverage": float(answered.mean()),
            "accuracy": each["value"],
            "accuracy_low": each["low"],
            "accuracy_high": each["high"],
        }
    if found["val"]["accuracy_low"] < target:
        cli.warn(
            "evaluate",
            f"val cannot vouch for evaluate.abstain {target:g}: on what it answers the accuracy is "
            f"{found['val']['accuracy']:.4f}, which may be {found['val']['accuracy_low']:.4f} in "
            f"truth ({confidence:.0%} interval)",
        )
    if found["test"]["accuracy"] is None:
        cli.warn("evaluate", "no picture of test is sure enough to be answered")
    return found


def calibrated(splits: dict[str, Split], folded: float) -> tuple[float, dict[str, np.ndarray]]:
    """The temperature, and probabilities of test before and after it.

    Args:
        splits: val and test, as the saved model answers.
        folded: the temperature that is in the saved model already; 1: none, so it is fitted here.
    """
    test = splits["test"].probabilities
    if folded != 1.0:
        return folded, {"before": calibration.soften(test, 1 / folded), "after": test}
    val = splits["val"]
    fitted = calibration.fit_temperature(val.label, calibration.logits_of(val.probabilities))
    return fitted, {"before": test, "after": calibration.soften(test, fitted)}


def coverage_points(split: Split) -> tuple[np.ndarray, np.ndarray]:
    """(coverage, accuracy) of at most GRID points, evenly spread, the last one always there."""
    x, y, _ = coverage.coverage_curve(split.right, split.confidence)
    if len(x) > GRID:
        kept = np.unique(np.linspace(0, len(x) - 1, GRID).round().astype(int))
        x, y = x[kept], y[kept]
    return x, y


def decision(
    class_names: list[str],
    positive: int | None,
    threshold: dict | None,
    abstention: dict,
    rules: Evaluate,
) -> dict:
    """What a server needs beside the model, on the probabilities that the model gives.

    Returns:
        classes; positive, threshold and rule (None: the likeliest class is the answer; else
        positive, from the threshold on); abstain_below (None: every image is answered; else
        none whose likeliest class is less likely) and abstain_target.
    """
    chosen = threshold is not None
    return {
        "classes": class_names,
        "positive": class_names[positive] if chosen else None,
        "threshold": threshold["threshold"] if chosen else None,
        "rule": rules.threshold.rule if chosen else None,
        "abstain_below": abstention["least_confidence"],
        "abstain_target": rules.abstain,
    }
