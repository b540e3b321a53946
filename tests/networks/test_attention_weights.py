"""Attention weights read back, by hand."""

import keras
import numpy as np
import pytest

from networks import heads
from networks.attention import ATTENTIONS
from networks.attention_weights import attention_maps, channel_weights, stretch
from tests.helpers.training_sets import PLAIN


def maps_of(shape=(2, 2, 3, 16)):
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("shape", [(2, 2, 3, 16), (2, 1, 1, 16)])
def test_what_each_attention_has_to_read(shape):
    maps = maps_of(shape)
    has = {}
    for name in ATTENTIONS:
        head = heads.build_head(shape[1:], 2, name, PLAIN)
        positions, channels = attention_maps(head, maps), channel_weights(head, maps)
        has[name] = (positions is not None, channels is not None)
        assert positions is None or positions.shape == shape[:3]
        assert channels is None or channels.shape == (2, 16)
    assert has == {
        "none": (False, False),
        "se": (False, True),
        "spatial": (True, False),
        "cbam": (True, True),
        "gam": (True, True),
        "pool": (True, False),
        "mha": (True, False),
    }


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
        attention = attention_maps(head, maps)
        assert attention.shape == (2, 2, 3)
        np.testing.assert_allclose(
            attention[:, 1, 0], weights.reshape(2, 6, -1)[:, 3].mean(axis=-1)
        )
        if name == "pool":
            np.testing.assert_allclose(attention.sum(axis=(1, 2)), 1, rtol=1e-5)


def test_self_attention_is_what_a_position_gets_from_all_of_them():
    """The scores by hand: softmax of query times key over the root of the key's width."""
    maps = maps_of()
    head = heads.build_head((2, 3, 16), 2, "mha", PLAIN)
    layer = head.get_layer("attention_weights")
    numbers = np.random.default_rng(1)  # not Keras's initial ones: small, and anew in each process
    layer.set_weights([numbers.normal(0, 0.3, weight.shape) for weight in layer.get_weights()])
    query_kernel, query_bias, key_kernel, key_bias = layer.get_weights()[:4]
    tokens = maps.reshape(2, 6, 16)
    query = np.einsum("npc,chd->nhpd", tokens, query_kernel) + query_bias[None, :, None]
    key = np.einsum("npc,chd->nhpd", tokens, key_kernel) + key_bias[None, :, None]
    scores = np.exp(query @ key.transpose(0, 1, 3, 2) / 64**0.5)
    scores /= scores.sum(axis=-1, keepdims=True)
    expected = scores.mean(axis=(1, 2)).reshape(2, 2, 3)
    attention = attention_maps(head, maps)
    np.testing.assert_allclose(attention, expected, rtol=1e-4)
    np.testing.assert_allclose(attention.sum(axis=(1, 2)), 1, rtol=1e-5)
    assert np.ptp(attention) > 0.01


def test_channel_weights_are_the_gates_that_multiply():
    maps = maps_of()
    se = heads.build_head((2, 3, 16), 2, "se", PLAIN)
    scaled = keras.Model(se.input, se.get_layer("se_scale").output)(maps).numpy()
    np.testing.assert_allclose(scaled, maps * channel_weights(se, maps)[:, None, None], rtol=1e-5)
    cbam = heads.build_head((2, 3, 16), 2, "cbam", PLAIN)
    scaled = keras.Model(cbam.input, cbam.get_layer("cbam_channels").output)(maps).numpy()
    np.testing.assert_allclose(scaled, maps * channel_weights(cbam, maps)[:, None, None], rtol=1e-5)
    gam = heads.build_head((2, 3, 16), 2, "gam", PLAIN)
    scaled = keras.Model(gam.input, gam.get_layer("gam_channels").output)(maps).numpy()
    gates = (scaled / maps).mean(axis=(1, 2))
    np.testing.assert_allclose(channel_weights(gam, maps), gates, rtol=1e-4)


def test_stretching_reaches_both_ends_and_leaves_equal_weights_cold():
    weights = np.array([[[0.2, 0.3], [0.4, 0.6]], [[0.5, 0.5], [0.5, 0.5]]])
    np.testing.assert_allclose(stretch(weights), [[[0, 0.25], [0.5, 1]], [[0, 0], [0, 0]]])
