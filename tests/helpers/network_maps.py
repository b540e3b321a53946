"""Photographs for networks, their maps, and random weights under which every layer counts."""

import keras
import numpy as np
from skimage import data

SIZE = (64, 80)


def photographs(size=SIZE) -> np.ndarray:
    """Two crops of a photograph, float32 RGB in [0, 255]."""
    cat = data.chelsea()
    height, width = size
    crops = [cat[y : y + height, x : x + width] for y, x in [(80, 100), (150, 200)]]
    return np.stack(crops).astype("float32")


def maps_of(model: keras.Model, pixels: np.ndarray) -> np.ndarray:
    """The output of a model, dropout and the like switched off."""
    return keras.ops.convert_to_numpy(model(pixels, training=False))


def randomise(model: keras.Model, inputs: np.ndarray, seed=0) -> None:
    """Random weights under which the maps depend on the pixels and on every layer.

    Under fresh weights they do not: normalisations do nothing, ConvNeXt's blocks are scaled by a
    millionth, and MobileNet's maps are the same to the last bit for pixels in [-1, 1] and in
    [0, 255]. Here kernels keep the spread (He et al. 2015), and the statistics of batch
    normalisation are those of `inputs`, moved a little.
    """
    rng = np.random.default_rng(seed)
    norms = []
    for layer in layers_of(model):
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0  # the next pass in training stores its statistics
            norms.append(layer)
        for weight in layer.weights:
            shape, kind = weight.shape, weight.path.rsplit("/", 1)[-1]
            if not keras.backend.is_float_dtype(weight.dtype) or kind == "mean":
                continue
            if kind.endswith("variance") or kind == "gamma" or type(layer).__name__ == "LayerScale":
                value = rng.uniform(0.5, 1.5, shape)
            elif len(shape) > 1:
                fan_in = np.prod(shape[:2] if "depthwise" in kind else shape[:-1])
                value = rng.normal(0, np.sqrt(2 / fan_in), shape)
            else:
                value = rng.normal(0, 0.1, shape)
            weight.assign(value)
    if norms:
        model(inputs, training=True)
    for layer in norms:
        mean, variance = layer.moving_mean, layer.moving_variance
        mean.assign(mean + 0.2 * rng.normal(size=mean.shape) * np.sqrt(variance))
        variance.assign(variance * rng.uniform(0.7, 1.4, variance.shape) + 1e-3)


def layers_of(model: keras.Model):
    """The layers of a model, and of the models inside it."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from layers_of(layer)
        else:
            yield layer
