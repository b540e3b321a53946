"""Confidence intervals of the metrics, from a bootstrap over groups of near copies.

Which kind of interval a metric has stands in `common.metric_names`; how each kind is computed, in
INTERVALS.

The percentiles of a bootstrap (Efron & Tibshirani 1993, chapter 13) fail near 1: where nothing is
wrong, no resample has a mistake, and the interval is [1, 1]. benchmarks/intervals.py measures how
often intervals hold the truth; of 95 % percentile intervals for the accuracy of 49 and 9 images
at a true accuracy of 0.98, six in ten do. So the bootstrap gives the standard error alone, and:

- What is bounded by 0 and 1 gets the exact interval of a binomial share (Clopper & Pearson 1934)
  for a share m of n_eff trials, with n_eff = m (1 - m) / s^2, the effective sample size of a
  standard error s (Korn & Graubard 1998, "Confidence intervals for proportions with small expected
  number of positive counts estimated from survey data"). Wilson's score interval is up to 8 %
  narrower, but of its 95 % intervals at a true accuracy of 0.9975 (2 classes of 100 images) 88 %
  held it. MCC is mapped to [0, 1] first. n_eff is at most the number of groups (for averages over
  C classes C^2 / sum(1 / groups of the class), for MCC 2 (C - 1) / C times that), which is the
  answer, too, where s is 0. This limit is left out for precision and F1 of a class and for the
  areas under curves, whose s is rightly smaller.
- Loss and Brier score, which have a long tail above, get m exp(±z s / m): normal in the logarithm.
- The calibration error is too high in small sets: its lower end is m - c - z s, where c is what
  chance alone would give (`calibration.chance_error`; where bins are off, that takes off too
  much). Its upper end is the percentile.

All this says how the metrics of this model vary with the test images. Another training would
vary, too; that is not in it.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.stats import beta, norm

from common.metric_names import metric_of
from stages.evaluate.resampling import Resamples

LOWEST = 1e-12  # standard errors below it are rounding


def exact_interval(
    mean: np.ndarray, n_effective: np.ndarray, confidence: float
) -> tuple[np.ndarray, np.ndarray]:
    """Clopper and Pearson's interval of shares.

    Args:
        mean: float in [0, 1], any shape.
        n_effective: trials, above 0, of the same shape; need not be whole.
        confidence: e.g. 0.95.
    """
    mean, n = np.asarray(mean, float), np.asarray(n_effective, float)
    hits, misses = mean * n, (1 - mean) * n
    tail = (1 - confidence) / 2
    # With no hits, or no misses, one parameter is 0, and the end is that of the range.
    low = np.where(hits > 0, beta.ppf(tail, np.where(hits > 0, hits, 1), misses + 1), 0.0)
    high = np.where(misses > 0, beta.isf(tail, hits + 1, np.where(misses > 0, misses, 1)), 1.0)
    return np.minimum(low, mean), np.maximum(high, mean)


def effective_size(
    mean: np.ndarray, error: np.ndarray, groups: np.ndarray, capped: bool = True
) -> np.ndarray:
    """Trials m (1 - m) / s^2, at most `groups` if capped; `groups` where that is 0 / 0.

    Args:
        mean: float in [0, 1].
        error: standard error s, same shape.
        groups: number of independent pieces, same shape, above 0.
        capped: whether `groups` is a limit.
    """
    floats = (np.asarray(values, float) for values in (mean, error, groups))
    mean, error, groups = np.broadcast_arrays(*floats)
    plain = (error > LOWEST) & (mean > 0) & (mean < 1)
    size = np.where(plain, mean * (1 - mean) / np.where(plain, error, 1) ** 2, groups)
    return np.minimum(size, groups) if capped else size


class Support(NamedTuple):
    """The independent pieces that the metrics of a split rest on.

    Attributes:
        of_class: int (n_classes,), groups of near copies of each class.
        predicted: int (n_classes,), groups that are predicted to be of each class.
        chance_error: the calibration error to be expected by chance alone.
    """

    of_class: np.ndarray
    predicted: np.ndarray
    chance_error: float

    def of_one(self, index: int) -> "Support":
        """The same of one class alone."""
        return Support(self.of_class[[index]], self.predicted[[index]], self.chance_error)


Ends = tuple[float, float]


def share(value: float, drawn: np.ndarray, support: Support, confidence: float) -> Ends:
    """Interval of a share of the images: at most as many trials as there are groups.

    Args:
        value: the metric, defined.
        drawn: float (samples,), the metric in each bootstrap sample; NaN where undefined.
        support: what it rests on.
        confidence: e.g. 0.95.
    """
    n = effective_size(value, _deviation(drawn), float(support.of_class.sum()))
    return _floats(exact_interval(value, n, confidence))


def class_mean(value: float, drawn: np.ndarray, support: Support, confidence: float) -> Ends:
    """Interval of an average over classes; arguments as of `share`."""
    n = effective_size(value, _deviation(drawn), _groups_behind_mean(support))
    return _floats(exact_interval(value, n, confidence))


def ranking(value: float, drawn: np.ndarray, support: Support, confidence: float) -> Ends:
    """Interval of an area under a curve, averaged over classes; arguments as of `share`."""
    groups = _groups_behind_mean(support)
    present = support.of_class[support.of_class > 0]
    if len(present) == 2:  # both classes have the same ranking, so it is seen once
        groups = float(present.min())
    n = effective_size(value, _deviation(drawn), groups, capped=False)
    return _floats(exact_interval(value, n, confidence))


def correlation(value: float, drawn: np.ndarray, support: Support, confidence: float) -> Ends:
    """Interval of a correlation, -1 to 1; arguments as of `share`."""
    present = np.count_nonzero(support.of_class)
    groups = _groups_behind_mean(support) * max(1.0, 2 * (present - 1) / present)
    n = effective_size((value + 1) / 2, _deviation(drawn) / 2, groups)
    low, high = exact_interval((value + 1) / 2, n, confidence)
    return 2 * float(low) - 1, 2 * float(high) - 1


def positive(value: float, drawn: np.ndarray, support: Support, confidence: float) -> Ends:
    """Interval of a value above 0 that has no largest one; arguments as of `share`."""
    if value <= 0:
        return 0.0, 0.0
    factor = np.exp(norm.ppf(1 - (1 - confidence) / 2) * _deviation(drawn) / value)
    return value / factor, value * factor


def calibration_error(value: float, drawn: np.ndarray, support: Support, confidence: float) -> Ends:
    """Interval of the expected calibration error, biased upwards; arguments as of `share`."""
    tail = (1 - confidence) / 2
    low = value - support.chance_error - norm.ppf(1 - tail) * _deviation(drawn)
    return float(np.clip(low, 0.0, value)), float(max(value, np.quantile(drawn, 1 - tail)))


def class_precision(value: float, drawn: np.ndarray, support: Support, confidence: float) -> Ends:
    """Interval of one class's precision; arguments as of `share`, with the support of the class."""
    groups = max(1, support.predicted[0])
    n = effective_size(value, _deviation(drawn), groups, capped=False)
    return _floats(exact_interval(value, n, confidence))


def class_recall(value: float, drawn: np.ndarray, support: Support, confidence: float) -> Ends:
    """Interval of one class's recall; arguments as of `class_precision`."""
    n = effective_size(value, _deviation(drawn), max(1, support.of_class[0]))
    return _floats(exact_interval(value, n, confidence))


def class_f1(value: float, drawn: np.ndarray, support: Support, confidence: float) -> Ends:
    """Interval of one class's F1; arguments as of `class_precision`."""
    n = effective_size(value, _deviation(drawn), max(1, support.of_class[0]), capped=False)
    return _floats(exact_interval(value, n, confidence))


# The kinds of `common.metric_names`.
INTERVALS: dict[str, Callable[[float, np.ndarray, Support, float], Ends]] = {
    "share": share,
    "class_mean": class_mean,
    "ranking": ranking,
    "correlation": correlation,
    "positive": positive,
    "calibration_error": calibration_error,
    "class_precision": class_precision,
    "class_recall": class_recall,
    "class_f1": class_f1,
}


def metric_interval(
    name: str, value: float, drawn: np.ndarray, support: Support, confidence: float
) -> Ends:
    """The interval of the metric called `name`, as of `share`; the value must not be NaN."""
    low, high = INTERVALS[metric_of(name).interval](value, drawn, support, confidence)
    return float(low), float(high)


def share_intervals(
    numerator: np.ndarray, denominator: np.ndarray, resamples: Resamples, confidence: float
) -> list[dict[str, float | int | None]]:
    """Intervals of ratios of sums over images, such as the accuracy within a slice.

    Args:
        numerator: float (ratios, n), dense or sparse, what each image adds to it, from 0 to what
            it adds to the denominator.
        denominator: the same form.
        resamples: of these images.
        confidence: e.g. 0.95.

    Returns:
        For each ratio value, low, high (None where the denominator is 0) and groups.
    """
    above, below = numerator.sum(axis=1), denominator.sum(axis=1)
    drawn = []
    for weights in resamples:
        total = denominator @ weights
        quotient = (numerator @ weights) / np.where(total > 0, total, 1)
        drawn.append(np.where(total > 0, quotient, np.nan))
    rows = []
    for index, values in enumerate(np.concatenate(drawn, axis=1)):
        images = denominator[[index]].nonzero()[1]
        groups = len(np.unique(resamples.unit[images]))
        if not groups:
            rows.append({"value": None, "low": None, "high": None, "groups": 0})
            continue
        value = float(above[index] / below[index])
        n = effective_size(value, _deviation(values), groups)
        low, high = _floats(exact_interval(value, n, confidence))
        rows.append({"value": value, "low": low, "high": high, "groups": groups})
    return rows


def _groups_behind_mean(support: Support) -> float:
    """The groups that an average over classes rests on: C^2 / sum(1 / groups of the class)."""
    present = support.of_class[support.of_class > 0]
    return len(present) ** 2 / (1 / present).sum()


def _floats(ends: tuple[np.ndarray, np.ndarray]) -> Ends:
    return float(ends[0]), float(ends[1])


def _deviation(values: np.ndarray) -> float:
    """Standard deviation of the defined values; 0 where there are fewer than two."""
    values = values[~np.isnan(values)]
    return float(values.std()) if len(values) > 1 else 0.0
