"""Attention blocks by hand."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from networks.attention import ATTENTIONS


def maps_of(n=4, shape=(3, 5, 16), seed=0):
    return np.random.default_rng(seed).normal(size=(n, *shape)).astype(np.float32)


def run_block(block, maps):
    inputs = keras.Input(maps.shape[1:])
    model = keras.Model(inputs, ATTENTIONS[block](inputs))
    return model, model(maps, training=False).numpy()


def test_squeeze_and_excitation_by_hand():
    maps = maps_of()
    model, output = run_block("se", maps)
    reduce, expand = model.get_layer("se_reduce"), model.get_layer("channel_weights")
    hidden = np.maximum(maps.mean(axis=(1, 2)) @ reduce.kernel.numpy(), 0)
    weights = 1 / (1 + np.exp(-hidden @ expand.kernel.numpy()))
    np.testing.assert_allclose(output, maps * weights[:, None, None], rtol=1e-4, atol=1e-5)


def test_pooling_attention_is_a_weighted_mean_of_positions():
    maps = maps_of()
    model, output = run_block("pool", maps)
    readable = keras.Model(model.input, model.get_layer("attention_weights").output)
    weights = readable(maps).numpy()
    assert weights.shape == (4, 15, 1)
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-6)
    positions = maps.reshape(4, 15, 16)
    np.testing.assert_allclose(output, (weights * positions).sum(axis=1), rtol=1e-4, atol=1e-5)
    content, gate, score = (
        model.get_layer(f"pool_{name}").kernel.numpy() for name in ("content", "gate", "scores")
    )
    scores = (np.tanh(positions @ content) / (1 + np.exp(-(positions @ gate)))) @ score
    expected = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(weights, expected, rtol=1e-4)


def run_with(block, maps, **weights):
    """The block's output and its `attention_weights`, with the kernels of some layers replaced."""
    inputs = keras.Input(maps.shape[1:])
    model = keras.Model(inputs, ATTENTIONS[block](inputs))
    for name, kernel in weights.items():
        layer = model.get_layer(name)
        layer.set_weights([kernel, *layer.get_weights()[1:]])
    outputs = [model.output, model.get_layer("attention_weights").output]
    return [tensor.numpy() for tensor in keras.Model(inputs, outputs)(maps, training=False)]


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def test_spatial_attention_by_hand():
    """A kernel of the middle alone: 2 of the mean and -1 of the maximum at the same position."""
    maps = np.zeros((1, 2, 2, 4), np.float32)
    maps[0, 0, 1] = [1, 2, 3, 6]  # mean 3, maximum 6
    maps[0, 1, 0] = [0, -4, 0, 0]  # mean -1, maximum 0
    kernel = np.zeros((7, 7, 2, 1), np.float32)
    kernel[3, 3, :, 0] = [2, -1]
    output, weights = run_with("spatial", maps, attention_weights=kernel)
    expected = sigmoid(np.array([[0, 2 * 3 - 6], [2 * -1 - 0, 0]]))
    np.testing.assert_allclose(weights[0, ..., 0], expected, rtol=1e-6)
    np.testing.assert_allclose(output[0, 1, 0], [0, -4 * sigmoid(-2.0), 0, 0], rtol=1e-6)
    kernel[:] = 0
    kernel[3, 4, 1, 0] = 1  # the maximum one position to the right, and 0 beyond the edge
    _, weights = run_with("spatial", maps, attention_weights=kernel)
    np.testing.assert_allclose(weights[0, ..., 0], sigmoid(np.array([[6, 0], [0, 0]])), rtol=1e-6)


def test_global_attention_by_hand():
    """Eight hidden units for two channels; only the first is used, and looks one to the right."""
    maps = np.zeros((1, 1, 2, 2), np.float32)
    maps[0, 0] = [[1, 2], [3, -1]]
    reduce, expand = np.zeros((2, 8), np.float32), np.zeros((8, 2), np.float32)
    reduce[:, 0], expand[0] = [1, 1], [1, -1]  # hidden: 1 + 2 and 3 - 1
    look, last = np.zeros((7, 7, 2, 8), np.float32), np.zeros((7, 7, 8, 2), np.float32)
    look[3, 4, 0, 0], last[3, 3, 0] = 1, [0.5, -1]
    kernels = {"gam_reduce": reduce, "channel_weights": expand, "gam_look": look}
    output, weights = run_with("gam", maps, **kernels, attention_weights=last)
    gated = np.array([[sigmoid(3.0), 2 * sigmoid(-3.0)], [3 * sigmoid(2.0), -sigmoid(-2.0)]])
    right = gated[1, 0]  # what the left position sees; the right one sees the edge, 0
    expected = sigmoid(np.array([[0.5 * right, -right], [0, 0]]))
    np.testing.assert_allclose(weights[0, 0], expected, rtol=1e-5)
    np.testing.assert_allclose(output[0, 0], gated * expected, rtol=1e-5)


@pytest.mark.parametrize("block", ["se", "spatial", "cbam", "gam"])
def test_gates_only_weaken(block):
    maps = maps_of()
    _, output = run_block(block, maps)
    assert output.shape == maps.shape
    assert (np.abs(output) <= np.abs(maps) + 1e-6).all()


def test_self_attention_mixes_positions_and_normalises():
    maps = maps_of()
    _, output = run_block("mha", maps)
    assert output.shape == maps.shape
    np.testing.assert_allclose(output.mean(axis=-1), 0, atol=1e-5)
    changed = maps.copy()
    changed[:, 0, 0] += 3 * maps_of(seed=1)[:, 0, 0]
    _, other = run_block("mha", changed)
    assert not np.allclose(output[:, 2, 4], other[:, 2, 4], atol=1e-4)


@pytest.mark.parametrize("block", ATTENTIONS)
def test_with_identity_a_block_begins_as_if_it_were_not_there(block):
    maps = 3 * maps_of()
    inputs = keras.Input(maps.shape[1:])
    output = ATTENTIONS[block](inputs, True)
    expected = maps.mean(axis=(1, 2)) if block == "pool" else maps
    model = keras.Model(inputs, output)
    np.testing.assert_allclose(model(maps, training=False).numpy(), expected, rtol=1e-6, atol=1e-6)
    target = np.random.default_rng(1).normal(size=expected.shape)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model(maps, training=False) * target)
    slopes = tape.gradient(loss, model.trainable_variables)
    assert not slopes or any(np.abs(slope.numpy()).max() > 1e-3 for slope in slopes)
