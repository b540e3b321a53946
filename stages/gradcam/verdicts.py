"""Areas under the curves of deletion and insertion, and tests of them against a random map."""

import numpy as np
from scipy import stats

from stages.gradcam.names import CENTRE, RANDOM

BAR = 0.025  # of the p-value; one-sided, as a 95 % interval has it at each end
RESAMPLES = 9999


def areas(curves: np.ndarray) -> np.ndarray:
    """Area below each curve, over the share of pixels from 0 to 1, by the trapezoidal rule.

    Args:
        curves: float (..., steps + 1).
    """
    return np.trapezoid(curves, dx=1 / (curves.shape[-1] - 1), axis=-1)


def verdicts_of(curves: dict[str, np.ndarray], seed: int) -> dict[str, dict]:
    """Areas of each map's curves, and whether they are better than the random map's.

    An image's gain is the mean of what deletion's area is smaller, and insertion's is larger,
    than the random map's of the same image.

    Args:
        curves: from `faithfulness.measure`, of at least one image.
        seed: of the test, where the images are too many for all of its 2^n sign flips.

    Returns:
        Map to deletion_auc and insertion_auc, means over images; and, but for RANDOM, gain,
        gain_low and gain_high (mean, 95 % interval by Student's t), p_value (of gains being
        symmetric about 0, against a larger mean, by flipping their signs) and beats_random:
        p_value is below BAR, which takes six images at least. One has no interval: None. And
        of all but CENTRE beats_centre, the same against the centre blob.
    """
    area = {name: areas(pair) for name, pair in curves.items()}
    # Both areas in one: the larger, the better.
    score = {name: (insertion - deletion) / 2 for name, (deletion, insertion) in area.items()}
    verdicts = {}
    for name, (deletion, insertion) in area.items():
        verdicts[name] = {
            "deletion_auc": float(deletion.mean()),
            "insertion_auc": float(insertion.mean()),
        }
        if name != RANDOM:
            verdicts[name] |= compare(score[name] - score[RANDOM], seed)
        if name not in (RANDOM, CENTRE):
            lead = compare(score[name] - score[CENTRE], seed)
            verdicts[name]["beats_centre"] = lead["beats_random"]
    return verdicts


def compare(gain: np.ndarray, seed: int) -> dict:
    """Tests gains for being above 0.

    Args:
        gain: float (n,), one for each image.
        seed: of the test.

    Returns:
        gain, gain_low, gain_high, p_value and beats_random, as in `verdicts_of`.
    """
    n, mean = len(gain), float(gain.mean())
    half = stats.t.ppf(0.975, n - 1) * gain.std(ddof=1) / n**0.5 if n > 1 else None
    p_value = 1.0 if mean <= 0 else 0.5
    if n > 1 and gain.any():
        p_value = stats.permutation_test(
            (gain,),
            np.mean,
            permutation_type="samples",
            alternative="greater",
            n_resamples=RESAMPLES,
            vectorized=True,
            rng=np.random.default_rng(seed),
        ).pvalue
    return {
        "gain": mean,
        "gain_low": None if half is None else mean - float(half),
        "gain_high": None if half is None else mean + float(half),
        "p_value": float(p_value),
        "beats_random": bool(p_value < BAR),
    }
