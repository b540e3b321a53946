"""Attention weights read back from a head, laid over pictures and compared between classes."""

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np

from stages.common import images, plots, plots_channels, plots_images
from stages.common.files import atomic_folder
from stages.common.heat import overlay
from stages.common.tables import Dataset

PICTURES, COLUMNS = 12, 4  # of positions.png
OPACITY = 0.5  # of the heat where the weight is the picture's largest
ASKED, STEP = 240, 24  # pictures whose channel weights are compared, and how many at a time
CHANNELS, CLASSES = 24, 20  # drawn in channels.png, at most

MapsAt = Callable[[list[int]], np.ndarray]


def attention_maps(head: keras.Model, maps: np.ndarray) -> np.ndarray | None:
    """The weight that a head gives to each position of the maps.

    Args:
        head: from `heads.build_head`.
        maps: float (n, height, width, channels), output of the backbone.

    Returns:
        float32 (n, height, width). Of gam the mean over channels. Of mha what the position gets
        of all positions' attention: the mean over heads and queries of the scores (Vaswani et al.
        2017, eq. 1, the softmax), which add up to 1 over the picture. None where the attention
        has no weight per position: none and se.
    """
    layer = _find(head, "attention_weights")
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
    layer = _find(head, "channel_weights")
    if layer is None:
        return None
    weights = keras.Model(head.input, layer.output)(maps, training=False)
    return keras.ops.convert_to_numpy(weights).mean(axis=(1, 2))


def _find(head: keras.Model, name: str) -> keras.Layer | None:
    return next((layer for layer in head.layers if layer.name == name), None)


def stretch(weights: np.ndarray) -> np.ndarray:
    """Each picture's weights from 0 (its smallest) to 1 (its largest); all 0 where they are equal.

    Args:
        weights: float (n, height, width).
    """
    least = weights.min(axis=(1, 2), keepdims=True)
    span = weights.max(axis=(1, 2), keepdims=True) - least
    return (weights - least) / np.where(span > 0, span, 1)


def draw_attention(folder: Path, head: keras.Model, dataset: Dataset, maps_at: MapsAt) -> None:
    """Draws where the head looks, positions.png, and at what, channels.png, as far as it says so.

    Without any weights a picture none.png says that.

    Args:
        folder: written as a whole.
        head: from `heads.build_head`.
        dataset: of the pictures.
        maps_at: rows of the dataset to their maps, float32 (len(rows), height, width, channels).
    """
    with atomic_folder(folder) as inner:
        drawn = False
        if _find(head, "attention_weights") is not None:
            _draw_positions(inner / "positions.png", head, dataset, maps_at)
            drawn = True
        if _find(head, "channel_weights") is not None:
            _draw_channels(inner / "channels.png", head, dataset, maps_at)
            drawn = True
        if not drawn:
            title = "Attention: none.\nEvery position and every channel counts alike."
            plots_images.image_grid(inner / "none.png", title, [], [])


def _draw_positions(path: Path, head: keras.Model, dataset: Dataset, maps_at: MapsAt) -> None:
    """Pictures of every class beside their weights."""
    rows = in_turn_by_class(dataset.label, PICTURES)
    weights = attention_maps(head, maps_at(rows))
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


def _draw_channels(path: Path, head: keras.Model, dataset: Dataset, maps_at: MapsAt) -> None:
    """All channels' weights in order, and how classes differ in those where they do most."""
    rows = in_turn_by_class(dataset.label, ASKED)
    steps = [rows[start : start + STEP] for start in range(0, len(rows), STEP)]
    weights = np.concatenate([channel_weights(head, maps_at(step)) for step in steps])
    label = dataset.label[rows]
    means, within = by_class(weights, label)
    present, channels = np.unique(label), most_different(means, CHANNELS)
    shown = np.sort(np.argsort(-np.ptp(means[:, channels], axis=1), kind="stable")[:CLASSES])
    few = "" if len(shown) == len(means) else f", {len(shown)} of {len(means)} classes"
    plots_channels.channels(
        path,
        f"Attention: weights of {weights.shape[1]:,} channels, {len(rows)} validation pictures\n"
        f"standard deviation between classes {means.std(axis=0).mean():.2g}, "
        f"within a class {within:.2g}",
        weights,
        (means - means.mean(axis=0))[np.ix_(shown, channels)],
        [dataset.class_names[index] for index in present[shown]],
        channels,
        f"the {len(channels)} channels that differ most between classes{few}",
    )


def by_class(weights: np.ndarray, label: np.ndarray) -> tuple[np.ndarray, float]:
    """Means of classes, and how far pictures of one class lie apart.

    Args:
        weights: float (n, channels).
        label: int (n,).

    Returns:
        float (n_present, channels), of the classes that are there, by number; and the standard
        deviation within a class, its mean over classes and channels.
    """
    parts = [weights[label == value] for value in np.unique(label)]
    means = np.stack([part.mean(axis=0) for part in parts])
    return means, float(np.mean([part.std(axis=0).mean() for part in parts]))


def most_different(means: np.ndarray, count: int) -> np.ndarray:
    """The channels whose classes' means have the largest standard deviation.

    Args:
        means: float (n_classes, channels).
        count: of channels, at most.

    Returns:
        int (count,): first those that the first class has most of, and so on; in each of these
        groups by how much they differ.
    """
    spread = means.std(axis=0)
    chosen = np.argsort(-spread, kind="stable")[:count]
    return chosen[np.lexsort((-spread[chosen], means[:, chosen].argmax(axis=0)))]


def in_turn_by_class(label: np.ndarray, count: int) -> list[int]:
    """At most `count` rows: the first of each class, then the second of each, and so on."""
    rank = np.zeros(len(label), int)
    for value in np.unique(label):
        own = label == value
        rank[own] = np.arange(own.sum())
    return np.lexsort((label, rank))[:count].tolist()
