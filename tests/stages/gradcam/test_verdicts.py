"""Areas and comparisons by hand, and how often the test errs."""

import numpy as np
import pytest
from scipy import stats

from stages.gradcam.verdicts import areas, compare


def test_areas_by_hand():
    assert areas(np.array([[1, 0, 0], [0, 0, 1], [1, 1, 1]])).tolist() == [0.25, 0.25, 1]


def test_comparisons_by_hand():
    """Six gains above 0: of the 64 sign flips only one has a mean as large, 1/64 = .0156."""
    gain = np.array([0.1, 0.2, 0.3, 0.1, 0.2, 0.3])
    verdict = compare(gain, 0)
    interval = stats.ttest_1samp(gain, 0).confidence_interval()
    assert verdict["p_value"] == pytest.approx(1 / 64)
    assert verdict["beats_random"] is True
    assert (verdict["gain_low"], verdict["gain_high"]) == pytest.approx(tuple(interval))
    assert compare(gain[:5], 0)["p_value"] == pytest.approx(1 / 32)
    assert compare(gain[:5], 0)["beats_random"] is False
    assert compare(-gain, 0)["p_value"] == 1
    verdict_of_one = compare(gain[:1], 0)
    assert (
        verdict_of_one["p_value"],
        verdict_of_one["gain_low"],
        verdict_of_one["beats_random"],
    ) == (0.5, None, False)


def test_a_map_without_sense_is_rarely_called_better():
    """The verdict's error by simulation: 2.5 % of 200 at most, give or take three deviations."""
    rng = np.random.default_rng(0)
    wrong = sum(compare(rng.normal(size=12), 0)["beats_random"] for _ in range(200))
    assert wrong <= 5 + 3 * (200 * 0.025 * 0.975) ** 0.5
