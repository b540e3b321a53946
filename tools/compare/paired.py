"""Paired tests and intervals of the difference between two models on the same images."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq
from scipy.stats import binomtest, norm

LEVEL = 0.95  # of all intervals


class Interval(NamedTuple):
    """A difference, second minus first, and its interval of LEVEL.

    Attributes:
        difference: the estimate.
        low: its lower limit; None where the data do not say.
        high: its upper limit, likewise.
    """

    difference: float
    low: float | None
    high: float | None


class McNemar(NamedTuple):
    """McNemar's exact test.

    Attributes:
        first_only: near-duplicate groups in which the first model is right more often.
        second_only: groups in which the second is.
        p_value: two-sided.
    """

    first_only: int
    second_only: int
    p_value: float


def mcnemar(first: np.ndarray, second: np.ndarray, group: np.ndarray) -> McNemar:
    """McNemar's test (1947, Psychometrika 12), exact: a sign test of what just one gets right.

    Near copies are right or wrong together and would count several times; so each group counts
    once, by the sign of its sum. With one image in each group that is McNemar's test itself.

    Args:
        first: bool (n,), where the first model is right.
        second: bool (n,), where the second is.
        group: int (n,), equal for near copies.
    """
    _, index = np.unique(group, return_inverse=True)
    sums = np.bincount(index, second.astype(float) - first.astype(float))
    b, c = int((sums < 0).sum()), int((sums > 0).sum())
    return McNemar(b, c, float(binomtest(b, b + c, 0.5).pvalue) if b + c else 1.0)


def holm(p_values: Sequence[float]) -> list[float]:
    """P values adjusted for their number (Holm 1979, Scandinavian Journal of Statistics 6)."""
    order = np.argsort(p_values, kind="stable")
    adjusted, largest = [0.0] * len(p_values), 0.0
    for place, index in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - place) * p_values[index]))
        adjusted[index] = largest
    return adjusted


def accuracy_difference(first: np.ndarray, second: np.ndarray, group: np.ndarray) -> Interval:
    """Tango's score interval for paired proportions (1998, Statistics in Medicine 17).

    Unlike the bootstrap's it has a width where both models are always right, or always right
    together. Near copies are no independent images: counts are divided by the design effect of
    the differences (Rao & Scott 1992, Biometrics 48), or where nothing differs, so that it cannot
    be measured, by its largest possible value (Kish 1965).

    Args:
        first: bool (n,), where the first model is right.
        second: bool (n,), where the second is.
        group: int (n,), equal for near copies.
    """
    n = len(first)
    gain, loss = int((second & ~first).sum()), int((first & ~second).sum())
    effect = design_effect(second.astype(float) - first.astype(float), group)
    low, high = tango(gain / effect, loss / effect, n / effect)
    return Interval((gain - loss) / n, low, high)


def design_effect(difference: np.ndarray, group: np.ndarray) -> float:
    """How many times larger than of independent images a mean's variance is; 1 at least.

    Args:
        difference: float (n,), what the mean is of.
        group: int (n,), equal for near copies.
    """
    _, index, sizes = np.unique(group, return_inverse=True, return_counts=True)
    if len(sizes) == len(group):
        return 1.0
    rest = difference - difference.mean()
    if not rest.any():
        return float((sizes**2).sum() / sizes.sum())
    return max(1.0, float((np.bincount(index, rest) ** 2).sum() / (rest**2).sum()))


def tango(gain: float, loss: float, n: float) -> tuple[float, float]:
    """Limits of (gain - loss) / n, by inverting the score test.

    Args:
        gain: images that only the second model gets right.
        loss: images that only the first gets right.
        n: all images, above 0.
    """
    z = norm.ppf((1 + LEVEL) / 2)

    def score(delta: float) -> float:
        """The test statistic of the difference being `delta`, Tango's equation with its root."""
        a, b = 2 * n, -gain - loss + (2 * n - gain + loss) * delta
        c = -loss * delta * (1 - delta)
        q = (np.sqrt(max(0.0, b * b - 4 * a * c)) - b) / (2 * a)
        variance = n * (2 * q + delta * (1 - delta))
        distance = gain - loss - n * delta
        if variance <= 0:
            return np.copysign(np.inf, distance) if distance else 0.0
        return distance / np.sqrt(variance)

    estimate, tiny = (gain - loss) / n, 1e-9
    low = high = estimate
    if estimate > -1 + tiny:
        low = _root(lambda delta: score(delta) - z, -1 + tiny, estimate)
    if estimate < 1 - tiny:
        high = _root(lambda delta: score(delta) + z, estimate, 1 - tiny)
    return low, high


def _root(function: Callable[[float], float], low: float, high: float) -> float:
    """Where the falling function is 0; an end where it does not get there."""
    if function(low) <= 0:
        return low
    if function(high) >= 0:
        return high
    bounded = lambda x: float(np.clip(function(x), -1e6, 1e6))  # noqa: E731
    return float(brentq(bounded, low, high, xtol=1e-10))
