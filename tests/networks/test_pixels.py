"""Maps of images that are decoded by row."""

import keras
import numpy as np

from networks.pixels import fresh_maps
from tests.helpers.images import write_numbered_images

N, SIDE = 11, 16


def test_fresh_maps_are_the_models_own_in_the_order_asked(tmp_path):
    dataset = write_numbered_images(tmp_path / "train", N, SIDE)
    inputs = keras.Input((SIDE, SIDE, 3))
    model = keras.Model(inputs, keras.layers.AveragePooling2D(SIDE // 2)(inputs) * 2)
    expected = 2.0 * np.arange(N)[:, None, None, None] * np.ones((1, 2, 2, 3))
    maps_at = fresh_maps(model, dataset)
    np.testing.assert_allclose(maps_at([7, 2, 7]), expected[[7, 2, 7]])
