"""Attention weights read back from a head: of positions and of channels."""

import keras
import numpy as np


def attention_maps(head: keras.Model, maps: np.ndarray) -> np.ndarray | None:
    """The weight that a head gives to each position of the maps.

    Args:
        head: from `heads.build_head`.
        maps: float (n, height, width, channels), output of the backbone.

    Returns:
        float32 (n, height, width). Of gam the mean over channels. Of mha what the position gets
        of all positions' attention: the mean over heads and queries of the scores (Vaswani et al.
        2017, eq. 1, the softmax), which add up to 1 over the image. None where the attention
        has no weight per position: none and se.
    """
    layer = find_layer(head, "attention_weights")
    if layer is None:
        return None
    if isinstance(layer, keras.layers.MultiHeadAttention):
        query, value = keras.Model(head.input, layer.input)(maps, training=False)
        _, scores = layer(query, value, return_attention_scores=True, training=False)
        weights = keras.ops.mean(scores, axis=(1, 2))  # (n, heads, queries, keys) to (n, keys)
    else:
        weights = keras.Model(head.input, layer.output)(maps, training=False)
    weights = keras.ops.convert_to_numpy(weights)
    return weights.reshape(*maps.shape[:3], -1).mean(axis=-1)


def channel_weights(head: keras.Model, maps: np.ndarray) -> np.ndarray | None:
    """The weight that a head gives to each channel of the maps.

    Args:
        head: from `heads.build_head`.
        maps: float (n, height, width, channels), output of the backbone.

    Returns:
        float32 (n, channels) in [0, 1], of gam the mean over positions. None where the attention
        has no weight per channel: none, spatial, pool and mha.
    """
    layer = find_layer(head, "channel_weights")
    if layer is None:
        return None
    weights = keras.Model(head.input, layer.output)(maps, training=False)
    return keras.ops.convert_to_numpy(weights).mean(axis=(1, 2))


def find_layer(head: keras.Model, name: str) -> keras.Layer | None:
    """The layer of that name; None where the head has none."""
    return next((layer for layer in head.layers if layer.name == name), None)


def stretch(weights: np.ndarray) -> np.ndarray:
    """Each image's weights from 0 (its smallest) to 1 (its largest); all 0 where they are equal.

    Args:
        weights: float (n, height, width).
    """
    least = weights.min(axis=(1, 2), keepdims=True)
    span = weights.max(axis=(1, 2), keepdims=True) - least
    return (weights - least) / np.where(span > 0, span, 1)
