"""The fitted temperature, by known temperatures."""

import numpy as np
import pytest
from scipy.special import softmax

from common.calibration import fit_temperature
from stages.evaluate.calibration import calibration_scores, logits_of, soften


def draw(n_classes, n, scale, seed):
    """Images whose softmax of `logits / scale` is the true chance of each class."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(scale=2, size=(n, n_classes))
    chance = softmax(logits, axis=1)
    label = (rng.random(n)[:, None] > np.cumsum(chance, axis=1)).sum(axis=1)
    return np.minimum(label, n_classes - 1), logits * scale


@pytest.mark.parametrize("n_classes", [2, 7])
@pytest.mark.parametrize("scale", [0.5, 1.0, 2.5])
def test_the_temperature_that_was_put_in_is_found(n_classes, scale):
    label, logits = draw(n_classes, 20_000, scale, 0)
    assert fit_temperature(label, logits) == pytest.approx(scale, rel=0.05)
    written = np.round(softmax(logits, axis=1), 6)
    temperature = fit_temperature(label, logits_of(written))
    assert temperature == pytest.approx(scale, rel=0.06)
    before = calibration_scores(label, written)
    after = calibration_scores(label, soften(written, temperature))
    assert after["loss"] <= before["loss"] + 1e-6
    if scale == 2.5:
        assert after["ece"] < 0.3 * before["ece"]


def test_few_images_without_a_mistake_hardly_move_the_temperature():
    """The likelihood alone would go to 0."""
    p = np.array([[0.9, 0.1]] * 20)
    temperature = fit_temperature(np.zeros(20, int), logits_of(p))
    assert 0.6 < temperature < 1
    temperature_of_one = fit_temperature(np.zeros(1, int), logits_of(p[:1]))
    assert temperature < temperature_of_one < 1
