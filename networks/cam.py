"""Heat maps of class activation: which positions of a network's maps speak for a class.

Three ways to make one of maps A `(h, w, channels)` and the gradients g of a class's score with
respect to them. All three end in ReLU and are scaled to a largest value of 1, so factors that
are the same for all positions are left out.

- gradcam: Grad-CAM (Selvaraju et al. 2017, eq. 1 and 2). The gradients are summed over positions
  where the paper has their mean, so that the maps of several networks, whose grids may differ,
  weigh as much as they contribute; for one network it is the same.
- gradcam_pp: Grad-CAM++ (Chattopadhay et al. 2018, eq. 10 and 19, with the exponential of the
  score as the output, section 3.3): weights are sums of alpha * relu(g) with
  alpha = g^2 / (2 g^2 + sum(A) g^3), which is 1 / (2 + sum(A) g). Where that is not positive,
  which takes maps below zero, which the derivation does not foresee, alpha counts as 0.
- eigencam: Eigen-CAM (Muhammad and Yeasin 2020, eq. 3 and 4): the projection of each position on
  the first right singular vector of the maps, not centred, as in the paper; of its two signs the
  one with the larger sum. Neither the head nor the class has a part in it. It stands here for
  the methods without gradients; Score-CAM (Wang et al. 2020) runs the whole model once for each
  channel, which for the 1280 of EfficientNet-Lite is ten times the work of all tests of heat maps.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from common.errors import StageError
from common.values import as_list
from networks.blocks import networks_of
from networks.forward import class_gradients, layer_gradients, traced
from networks.logits import class_scores
from networks.named_layers import layer_maps


class Activations(NamedTuple):
    """Maps of n images and gradients of class scores: what heat maps are made of.

    Attributes:
        maps: of each network: float32 (n, h, w, channels), at grids of their own.
        gradients: of each image's class score with respect to them, of the same shapes.
        head_maps: float32 (n, h, w, channels), what the head takes.
    """

    maps: Sequence[tf.Tensor]
    gradients: Sequence[tf.Tensor]
    head_maps: tf.Tensor


def head_activations(head: keras.Model) -> Callable[[np.ndarray, np.ndarray], Activations]:
    """A function that differentiates the head alone, on maps that are computed already.

    Args:
        head: from `heads.build_head`, or opened from a file.

    Returns:
        A function of float maps (n, height, width, channels), output of the backbone, and int
        classes (n,), the class whose score is differentiated for each.
    """
    gradients_of = class_gradients(class_scores(head))

    def activations_of(maps: np.ndarray, classes: np.ndarray) -> Activations:
        inputs = tf.convert_to_tensor(maps, tf.float32)
        gradients = gradients_of(inputs, tf.convert_to_tensor(classes, tf.int32))
        return Activations([inputs], [gradients], inputs)

    return activations_of


def layer_activations(
    backbone: keras.Model, head: keras.Model, layer: str | list[str | None] | None
) -> Callable[[np.ndarray, np.ndarray], Activations]:
    """A function from pixels and classes to a layer's maps and their gradients.

    Keras 3 does not reach inside a model that is called within another one, so each network of
    the backbone is given a second output, the layer's; then one tape goes over all of it. As
    with `model.layer`, the maps of several networks are taken together.

    Args:
        backbone: from `build_backbone`, or opened from a file.
        head: from `heads.build_head`.
        layer: None: the maps that the head takes. Else the name of a layer of the backbone; with
            several networks a list with one (or None: its last maps) for each.

    Returns:
        A function of float32 pixels (n, height, width, 3) in [0, 255] and int classes (n,).

    Raises:
        StageError: there is no such layer, or its output is no maps; with those that there are.
    """
    networks, names = networks_of(backbone), as_list(layer)
    if len(names) != len(networks) and names != [None]:
        raise StageError(
            f"Expected gradcam.layer to be null or a list of {len(networks)}, a layer (or null) "
            f"for each of {', '.join(network.name for network in networks)}. Received: {layer!r}."
        )
    if set(names) == {None}:
        forward = traced(lambda pixels: backbone(pixels, training=False))
        from_maps = head_activations(head)
        return lambda pixels, classes: from_maps(
            forward(tf.convert_to_tensor(pixels, tf.float32)), classes
        )
    split = [
        keras.Model(
            network.inputs[0],
            [
                network.output if name is None else layer_maps(network, name, "gradcam.layer"),
                network.output,
            ],
        )
        for network, name in zip(networks, names, strict=True)
    ]
    gradients_of = layer_gradients(split, class_scores(head))

    def activations_of(pixels: np.ndarray, classes: np.ndarray) -> Activations:
        pixels = tf.convert_to_tensor(pixels, tf.float32)
        return Activations(*gradients_of(pixels, tf.convert_to_tensor(classes, tf.int32)))

    return activations_of


def grad_cam(activations: Activations) -> tf.Tensor:
    """Grad-CAM, float32 (n, h, w), not yet scaled."""
    weights = [tf.reduce_sum(gradient, axis=(1, 2)) for gradient in activations.gradients]
    return _weighted(activations.maps, weights)


def grad_cam_pp(activations: Activations) -> tf.Tensor:
    """Grad-CAM++, float32 (n, h, w), not yet scaled."""
    weights = []
    for maps, gradient in zip(activations.maps, activations.gradients, strict=True):
        below = 2 + tf.reduce_sum(maps, axis=(1, 2), keepdims=True) * gradient
        parts = tf.nn.relu(gradient) / tf.where(below > 0, below, np.inf)
        weights.append(tf.reduce_sum(parts, axis=(1, 2)))
    return _weighted(activations.maps, weights)


def eigen_cam(activations: Activations) -> tf.Tensor:
    """Eigen-CAM, float32 (n, h, w), not yet scaled."""
    grid = _grid(activations.maps)
    maps = tf.concat([_at_grid(maps, grid) for maps in activations.maps], axis=-1)
    flat = tf.cast(tf.reshape(maps, (len(maps), grid[0] * grid[1], -1)), tf.float64)
    if flat.shape[1] <= flat.shape[2]:  # the smaller of the two products with itself
        values, vectors = tf.linalg.eigh(tf.matmul(flat, flat, transpose_b=True))
        parts = vectors[..., -1] * tf.sqrt(tf.nn.relu(values[..., -1:]))
    else:
        _, vectors = tf.linalg.eigh(tf.matmul(flat, flat, transpose_a=True))
        parts = tf.matmul(flat, vectors[..., -1:])[..., 0]
    sign = tf.where(tf.reduce_sum(parts, axis=1, keepdims=True) < 0, -1.0, 1.0)
    heat = tf.nn.relu(parts * tf.cast(sign, tf.float64))
    return tf.cast(tf.reshape(heat, (-1, *grid)), tf.float32)


class Method(NamedTuple):
    """A way to make heat maps.

    Attributes:
        words: its name for people.
        heat: makes float32 (n, h, w), not yet scaled.
        uses_head: whether head and class have a part in it.
    """

    words: str
    heat: Callable[[Activations], tf.Tensor]
    uses_head: bool


# The choices of gradcam.methods.
METHODS: dict[str, Method] = {
    "gradcam": Method("Grad-CAM", grad_cam, uses_head=True),
    "gradcam_pp": Method("Grad-CAM++", grad_cam_pp, uses_head=True),
    "eigencam": Method("Eigen-CAM", eigen_cam, uses_head=False),
}


def heat_map(method: str, activations: Activations) -> np.ndarray:
    """The heat map of each image by one of METHODS.

    Returns:
        float32 (n, h, w) in [0, 1], of the smallest grid of the maps; the largest value is 1, or
        0 where nothing speaks for the class.
    """
    heat = METHODS[method].heat(activations).numpy()
    largest = heat.max(axis=(1, 2), keepdims=True)
    return np.divide(heat, largest, out=np.zeros_like(heat), where=largest > 0)


def _weighted(maps: Sequence[tf.Tensor], weights: Sequence[tf.Tensor]) -> tf.Tensor:
    """ReLU of the sum over channels (and networks) of weights `(n, channels)` times maps."""
    grid = _grid(maps)
    parts = [
        _at_grid(tf.reduce_sum(factor[:, None, None] * network_maps, axis=-1, keepdims=True), grid)
        for network_maps, factor in zip(maps, weights, strict=True)
    ]
    return tf.nn.relu(tf.add_n(parts)[..., 0])


def _grid(maps: Sequence[tf.Tensor]) -> tuple[int, int]:
    return tuple(min(network_maps.shape[axis] for network_maps in maps) for axis in (1, 2))


def _at_grid(maps: tf.Tensor, grid: tuple[int, int]) -> tf.Tensor:
    """Means of the cells of a smaller grid."""
    return maps if tuple(maps.shape[1:3]) == grid else tf.image.resize(maps, grid, method="area")
