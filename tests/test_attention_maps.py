"""Attention weights read back, by hand."""

import keras
import numpy as np
import pytest
from PIL import Image

from stages.common import tables
from stages.common.sections import Head
from stages.nn import heads
from stages.nn.attention_maps import attention_maps, draw_attention, in_turn_by_class, stretch

PLAIN = Head(noise=0.0, norm=False, pooling="avg", dropout=0.0, units=0, activation="relu", l2=0.0)


def maps_of(shape=(2, 2, 3, 16)):
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("name", ["none", "se", "mha"])
@pytest.mark.parametrize("shape", [(2, 2, 3, 16), (2, 1, 1, 16)])
def test_attention_without_a_weight_per_position_has_no_map(name, shape):
    head = heads.build_head(shape[1:], 2, name, PLAIN)
    assert attention_maps(head, maps_of(shape)) is None


def test_weights_of_positions_are_where_the_positions_are():
    """Spatial attention that looks at the maximum of its own position alone."""
    head = heads.build_head((2, 3, 16), 2, "spatial", PLAIN)
    kernel = np.zeros((7, 7, 2, 1), np.float32)
    kernel[3, 3, 1] = 1
    head.get_layer("attention_weights").set_weights([kernel])
    maps = np.zeros((1, 2, 3, 16), np.float32)
    maps[0, 0, 2, 5] = 4
    expected = np.full((1, 2, 3), 0.5)
    expected[0, 0, 2] = 1 / (1 + np.exp(-4))
    np.testing.assert_allclose(attention_maps(head, maps), expected, rtol=1e-6)


def test_weights_of_the_other_blocks_are_those_of_their_layer():
    maps = maps_of()
    for name in ("pool", "cbam", "gam"):
        head = heads.build_head((2, 3, 16), 2, name, PLAIN)
        layer = keras.Model(head.input, head.get_layer("attention_weights").output)
        weights = layer(maps, training=False).numpy()
        found = attention_maps(head, maps)
        assert found.shape == (2, 2, 3)
        np.testing.assert_allclose(found[:, 1, 0], weights.reshape(2, 6, -1)[:, 3].mean(axis=-1))
        if name == "pool":
            np.testing.assert_allclose(found.sum(axis=(1, 2)), 1, rtol=1e-5)


def test_stretching_reaches_both_ends_and_leaves_equal_weights_cold():
    weights = np.array([[[0.2, 0.3], [0.4, 0.6]], [[0.5, 0.5], [0.5, 0.5]]])
    np.testing.assert_allclose(stretch(weights), [[[0, 0.25], [0.5, 1]], [[0, 0], [0, 0]]])


def test_classes_take_turns():
    assert in_turn_by_class(np.array([0, 0, 0, 1, 2, 2]), 5) == [0, 3, 4, 1, 5]
    assert in_turn_by_class(np.array([1, 0]), 5) == [1, 0]


@pytest.mark.parametrize("name", ["none", "pool"])
def test_the_drawing_exists_with_any_attention(whole_run, tmp_path, name):
    dataset = tables.Dataset(whole_run.path("dataset/val"))
    head = heads.build_head((2, 2, 16), 3, name, PLAIN)
    path = tmp_path / "attention.png"
    draw_attention(path, head, dataset, maps_of((dataset.n, 1, 2, 2, 16)))
    with Image.open(path) as image:
        assert min(image.size) >= 150
