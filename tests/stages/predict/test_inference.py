"""Outputs from cached maps, and of images that are decoded as a stream."""

import keras
import numpy as np

from stages.predict.inference import plain_vectors, pool_pixels, predict_maps, predict_pixels
from tests.helpers.images import write_numbered_images

N, SIDE = 11, 16


def test_outputs_of_pixels_are_the_models_own_in_the_order_of_the_dataset(tmp_path):
    dataset = write_numbered_images(tmp_path / "train", N, SIDE)
    inputs = keras.Input((SIDE, SIDE, 3))
    model = keras.Model(inputs, keras.layers.AveragePooling2D(SIDE // 2)(inputs) * 2)
    expected = 2.0 * np.arange(N)[:, None, None, None] * np.ones((1, 2, 2, 3))
    np.testing.assert_allclose(predict_pixels(model, dataset, 3), expected)
    pooled = np.concatenate(list(pool_pixels(model, dataset, 3)))
    np.testing.assert_allclose(pooled, expected.mean(axis=(1, 2)))


def test_outputs_of_maps_are_those_of_the_plain_view():
    maps = np.arange(N * 2 * 2 * 2 * 3).reshape(N, 2, 2, 2, 3).astype(np.float16)
    plain = maps[:, 0].astype(np.float32)
    inputs = keras.Input((2, 2, 3))
    head = keras.Model(inputs, keras.layers.GlobalMaxPooling2D()(inputs))
    np.testing.assert_array_equal(predict_maps(head, maps, 4), plain.max(axis=(1, 2)))
    vectors = np.arange(N * 2 * 3).reshape(N, 2, 3).astype(np.float32)
    np.testing.assert_array_equal(np.concatenate(list(plain_vectors(vectors, 4))), vectors[:, 0])
