import numpy as np
import pytest

from stages.gradcam.heat import centre_blob, enlarge, random_map


def test_enlarging_is_linear_between_the_middles_of_cells():
    heat = np.array([[0.0, 1.0]])
    enlarged = enlarge(heat, (3, 8))
    assert enlarged.shape == (3, 8)
    # Middles of the cells lie at 2 and 6 px, those of pixels at 0.5, 1.5, ...
    np.testing.assert_allclose(enlarged[1], [0, 0, 0.125, 0.375, 0.625, 0.875, 1, 1], atol=1e-6)
    assert enlarge(np.full((2, 2), 0.3), (5, 7)) == pytest.approx(0.3)


def test_maps_that_know_nothing_of_the_model():
    blob = centre_blob((5, 7))
    assert blob.argmax() == 17  # row 2, column 3
    assert blob[2, 3] == 1
    np.testing.assert_allclose(blob, blob[::-1, ::-1], rtol=1e-6)
    np.testing.assert_allclose(blob[2, 0], np.exp(-((3 / 7) ** 2) / (2 * 0.25**2)), rtol=1e-6)
    first, second = (random_map(np.random.default_rng(3), (7, 7)) for _ in range(2))
    assert np.array_equal(first, second)
    assert 0 <= first.min() < first.max() < 1
