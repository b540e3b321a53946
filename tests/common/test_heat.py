import numpy as np

from common.heat import coloured, overlay


def test_an_overlay_leaves_cold_places_alone():
    pixels = np.full((8, 8, 3), 100, np.uint8)
    assert np.array_equal(overlay(pixels, np.zeros((2, 2)), 0.5), pixels)
    hot = overlay(pixels, np.ones((2, 2)), 1.0)
    assert hot.shape == pixels.shape
    assert hot[0, 0, 0] > hot[0, 0, 2]  # red
    assert np.array_equal(hot, coloured(np.ones((2, 2)), (8, 8)))
    cold = coloured(np.zeros((2, 2)), (4, 6))
    assert cold.shape == (4, 6, 3)
    assert cold[0, 0].tolist() == [48, 18, 59]  # the first colour of turbo
