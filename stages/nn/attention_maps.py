"""Attention weights read back from a head, and laid over pictures."""

from pathlib import Path

import keras
import numpy as np

from stages.common import images, plots, plots_images
from stages.common.tables import Dataset
from stages.nn.gradcam import overlay

PICTURES, COLUMNS = 12, 4
OPACITY = 0.5  # of the heat where the weight is the picture's largest


def attention_maps(head: keras.Model, maps: np.ndarray) -> np.ndarray | None:
    """The weight that a head gives to each position of the maps.

    Args:
        head: from `heads.build_head`.
        maps: float (n, height, width, channels), output of the backbone.

    Returns:
        float32 (n, height, width), of gam the mean over channels; None where the attention has
        no weight per position: none, se, and mha, whose weights stand between two positions.
    """
    if "attention_weights" not in {layer.name for layer in head.layers}:
        return None
    layer = head.get_layer("attention_weights")
    height, width = maps.shape[1:3]
    shape = layer.output.shape[1:]
    flat = shape == (height * width, 1)
    if isinstance(layer, keras.layers.MultiHeadAttention):
        return None
    if not flat and (len(shape) != 3 or isinstance(layer, keras.layers.Dense)):
        return None
    weights = keras.Model(head.input, layer.output)(maps, training=False)
    weights = keras.ops.convert_to_numpy(weights)
    return weights.reshape(len(maps), height, width, -1).mean(axis=-1)


def stretch(weights: np.ndarray) -> np.ndarray:
    """Each picture's weights from 0 (its smallest) to 1 (its largest); all 0 where they are equal.

    Args:
        weights: float (n, height, width).
    """
    least = weights.min(axis=(1, 2), keepdims=True)
    span = weights.max(axis=(1, 2), keepdims=True) - least
    return (weights - least) / np.where(span > 0, span, 1)


def draw_attention(path: Path, head: keras.Model, dataset: Dataset, maps: np.ndarray) -> None:
    """Draws pictures of every class beside their weights; without weights, only says so.

    Args:
        path: the PNG.
        head: from `heads.build_head`.
        dataset: of the pictures.
        maps: float (n, views, height, width, channels) of the dataset, in its order.
    """
    rows = in_turn_by_class(dataset.label, PICTURES)
    weights = attention_maps(head, maps[rows, 0].astype(np.float32))
    if weights is None:
        title = "Attention: the head has no weight per position to show"
        plots_images.image_grid(path, title, [], [])
        return
    found, pictures, captions = dataset.png_at(rows), [], []
    for row, own, heat in zip(rows, weights, stretch(weights), strict=True):
        pixels = images.decode_png(found[row])
        seam = np.full((pixels.shape[0], 4, 3), 255, np.uint8)
        pictures.append(np.concatenate([pixels, seam, overlay(pixels, heat, OPACITY)], axis=1))
        name = plots.shorten(dataset.class_names[dataset.label[row]], 20)
        captions.append(f"{name}: {own.min():.3g} to {own.max():.3g}")
    plots_images.image_grid(
        path,
        "Attention: weights of positions, validation pictures\n"
        "(blue: the picture's least, red: its most; the numbers are these two)",
        pictures,
        captions,
        columns=COLUMNS,
        side=3.0,
        aspect=0.5,
    )


def in_turn_by_class(label: np.ndarray, count: int) -> list[int]:
    """At most `count` rows: the first of each class, then the second of each, and so on."""
    rank = np.zeros(len(label), int)
    for value in np.unique(label):
        own = label == value
        rank[own] = np.arange(own.sum())
    return np.lexsort((label, rank))[:count].tolist()
