"""Grad-CAM: which positions of the maps speak for a class."""

import keras
import matplotlib as mpl
import numpy as np
import tensorflow as tf
from PIL import Image

from stages.nn.heads import class_scores


def grad_cam(head: keras.Model, maps: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Selvaraju et al. 2017, "Grad-CAM", eq. 1 and 2, on the maps that the head takes.

    Only the head is differentiated: Keras 3 cannot look inside a nested model.

    Args:
        head: from `heads.build_head`.
        maps: float (n, height, width, channels), output of the backbone.
        classes: int (n,), the class that each map is asked about.

    Returns:
        float32 (n, height, width) in [0, 1]; the largest value is 1, or 0 where nothing speaks
        for the class.
    """
    scores_of = class_scores(head)
    inputs = tf.convert_to_tensor(maps, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        scores = tf.gather(scores_of(inputs, training=False), classes, axis=1, batch_dims=1)
    gradients = tape.gradient(scores, inputs)
    weights = tf.reduce_mean(gradients, axis=(1, 2), keepdims=True)
    heat = tf.nn.relu(tf.reduce_sum(weights * inputs, axis=-1))
    largest = tf.reduce_max(heat, axis=(1, 2), keepdims=True)
    return tf.math.divide_no_nan(heat, largest).numpy()


def overlay(pixels: np.ndarray, heat: np.ndarray, opacity: float) -> np.ndarray:
    """Lays a heat map over a picture.

    Args:
        pixels: uint8 (height, width, 3).
        heat: float (h, w) in [0, 1], of any smaller size.
        opacity: of the heat where it is 1; where it is 0 the picture shows as it is.

    Returns:
        uint8 (height, width, 3).
    """
    height, width = pixels.shape[:2]
    grey = Image.fromarray(np.rint(heat * 255).astype(np.uint8))
    smooth = np.asarray(grey.resize((width, height), Image.Resampling.BICUBIC)) / 255.0
    colours = _colour_map()[np.rint(smooth * 255).astype(int)]
    share = opacity * smooth[..., None] ** 0.5
    return np.rint((1 - share) * pixels + share * colours).astype(np.uint8)


def _colour_map() -> np.ndarray:
    """Matplotlib's "turbo", dark blue through green to red: float (256, 3), 0 to 255."""
    return mpl.colormaps["turbo"](np.arange(256))[:, :3] * 255
