"""Confidence intervals of the metrics, from a bootstrap over groups of near copies.

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

import numpy as np
from scipy.stats import beta, norm

from common import cli
from common.calibration import chance_error
from stages.evaluate.resampling import Resamples, groups_within
from stages.evaluate.scores import HEADLINE, PER_CLASS, Scorer

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


class Judged:
    """Metrics of one split with their intervals.

    Attributes:
        metrics: name to value, name_low and name_high: HEADLINE and top_<k>_accuracy.
        per_class: one such dict for each class, of PER_CLASS.
    """

    def __init__(
        self,
        y_true: np.ndarray,
        probabilities: np.ndarray,
        resamples: Resamples,
        confidence: float,
        top_k: tuple[int, ...] = (),
    ):
        """Args:
        y_true: int (n,).
        probabilities: float (n, n_classes).
        resamples: of these images.
        confidence: e.g. 0.95.
        top_k: as of `Scorer`.
        """
        scorer = Scorer(y_true, probabilities, top_k)
        n_classes = scorer.n_classes
        point = scorer.scores(np.ones((len(y_true), 1)))
        chunks = [
            scorer.scores(weights) for weights in cli.progress(resamples, "resampling", unit="part")
        ]
        drawn = {name: np.concatenate([part[name] for part in chunks], axis=-1) for name in point}
        sizes = np.bincount(resamples.stratum, minlength=n_classes)
        predicted = [
            max(1, groups_within(scorer.y_pred == index, resamples.unit))
            for index in range(n_classes)
        ]
        self.metrics: dict[str, float | None] = {}
        for name in (*HEADLINE, *(f"top_{k}_accuracy" for k in scorer.top_k)):
            value, values = float(point[name][0]), drawn[name]
            if name == "ece":
                chance = chance_error(probabilities.max(axis=1), resamples.unit)
                ends = _error_ends(value, values, chance, confidence)
            else:
                ends = _ends(name, value, values, sizes, confidence)
            self.metrics |= with_ends(name, value, *ends)
        self.per_class: list[dict[str, float | None]] = [{} for _ in range(n_classes)]
        for name in PER_CLASS:
            groups = predicted if name == "precision" else np.maximum(sizes, 1)
            for index, found in enumerate(self.per_class):
                value = float(point[name][index, 0])
                error = _deviation(drawn[name][index])
                n = effective_size(value, error, groups[index], capped=name == "recall")
                found |= with_ends(name, value, *exact_interval(value, n, confidence))


def shares(
    part: np.ndarray, whole: np.ndarray, resamples: Resamples, confidence: float
) -> list[dict[str, float | int | None]]:
    """Ratios of sums over images, such as the accuracy within a slice, with intervals.

    Args:
        part: float (ratios, n), dense or sparse, what each image adds above the line, from 0
            to `whole`.
        whole: the same form, what it adds below the line.
        resamples: of these images.
        confidence: e.g. 0.95.

    Returns:
        For each ratio value, low, high (None where nothing is below the line) and groups.
    """
    over, under = part.sum(axis=1), whole.sum(axis=1)
    drawn = []
    for weights in resamples:
        below = whole @ weights
        drawn.append(np.where(below > 0, (part @ weights) / np.where(below > 0, below, 1), np.nan))
    found = []
    for index, values in enumerate(np.concatenate(drawn, axis=1)):
        row = whole[[index]].nonzero()[1]
        groups = len(np.unique(resamples.unit[row]))
        if not groups:
            found.append({"value": None, "low": None, "high": None, "groups": 0})
            continue
        value = float(over[index] / under[index])
        ends = exact_interval(value, effective_size(value, _deviation(values), groups), confidence)
        found.append(
            {"value": value, "low": float(ends[0]), "high": float(ends[1]), "groups": groups}
        )
    return found


def with_ends(name: str, value: float, low: float, high: float) -> dict[str, float | None]:
    """{name, name_low, name_high}; all None where the value is NaN."""
    numbers = (value, low, high)
    names = (name, f"{name}_low", f"{name}_high")
    if np.isnan(value):
        return dict.fromkeys(names)
    return {key: float(number) for key, number in zip(names, numbers, strict=True)}


def _ends(
    name: str, value: float, drawn: np.ndarray, sizes: np.ndarray, confidence: float
) -> tuple[float, float]:
    if np.isnan(value):
        return value, value
    error = _deviation(drawn)
    tail = (1 - confidence) / 2
    if name in ("loss", "brier"):
        if value <= 0:
            return 0.0, 0.0
        factor = np.exp(norm.ppf(1 - tail) * error / value)
        return value / factor, value * factor
    present = sizes[sizes > 0]
    groups, capped = float(sizes.sum()), True
    if name.endswith(("_macro", "_auc", "balanced_accuracy", "mcc")):
        groups = len(present) ** 2 / (1 / present).sum()
    if name.endswith("_auc"):
        capped = False
        if len(present) == 2:  # both classes have the same ranking, so it is seen once
            groups = float(present.min())
    if name == "mcc":
        groups *= max(1.0, 2 * (len(present) - 1) / len(present))
        n = effective_size((value + 1) / 2, error / 2, groups)
        low, high = exact_interval((value + 1) / 2, n, confidence)
        return 2 * float(low) - 1, 2 * float(high) - 1
    low, high = exact_interval(value, effective_size(value, error, groups, capped), confidence)
    return float(low), float(high)


def _error_ends(
    value: float, drawn: np.ndarray, chance: float, confidence: float
) -> tuple[float, float]:
    tail = (1 - confidence) / 2
    low = value - chance - norm.ppf(1 - tail) * _deviation(drawn)
    return float(np.clip(low, 0.0, value)), float(max(value, np.quantile(drawn, 1 - tail)))


def _deviation(values: np.ndarray) -> float:
    """Standard deviation of the defined values; 0 where there are fewer than two."""
    values = values[~np.isnan(values)]
    return float(values.std()) if len(values) > 1 else 0.0
