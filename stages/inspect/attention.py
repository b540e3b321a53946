"""Plots of attention weights: of positions over images, of channels by class."""

from collections.abc import Callable, Sequence
from pathlib import Path

import keras
import numpy as np

from common import turns
from common.files import atomic_folder
from common.heat import overlay
from common.images import decode_png
from common.plots import style
from common.tables.dataset import Dataset
from networks.attention_weights import attention_maps, channel_weights, find_layer, stretch
from stages.inspect.image_grid import image_grid

IMAGES, COLUMNS = 12, 4  # of positions.png
OPACITY = 0.5  # of the heat where the weight is the image's largest
COMPARED, BATCH = 240, 24  # images whose channel weights are compared, and how many at a time
CHANNELS, CLASSES = 24, 20  # drawn in channels.png, at most

ROW, COLUMN = 0.3, 0.27  # inches of a cell of the table of channels

MapsAt = Callable[[list[int]], np.ndarray]


def draw_attention(folder: Path, head: keras.Model, dataset: Dataset, maps_at: MapsAt) -> None:
    """Draws the weights of positions, positions.png, and of channels, channels.png, if there are.

    Where the head has neither, an image none.png says so.

    Args:
        folder: written as a whole.
        head: from `heads.build_head`.
        dataset: of the images.
        maps_at: rows of the dataset to their maps, float32 (len(rows), height, width, channels).
    """
    with atomic_folder(folder) as inner:
        drawn = False
        if find_layer(head, "attention_weights") is not None:
            _draw_positions(inner / "positions.png", head, dataset, maps_at)
            drawn = True
        if find_layer(head, "channel_weights") is not None:
            _draw_channels(inner / "channels.png", head, dataset, maps_at)
            drawn = True
        if not drawn:
            title = "Attention: none.\nEvery position and every channel counts alike."
            image_grid(inner / "none.png", title, [], [])


def _draw_positions(path: Path, head: keras.Model, dataset: Dataset, maps_at: MapsAt) -> None:
    """Images of every class beside their weights."""
    rows = turns.in_turn(dataset.label)[:IMAGES].tolist()
    weights = attention_maps(head, maps_at(rows))
    encoded, images, captions = dataset.png_at(rows), [], []
    for row, image_weights, heat in zip(rows, weights, stretch(weights), strict=True):
        pixels = decode_png(encoded[row])
        seam = np.full((pixels.shape[0], 4, 3), 255, np.uint8)
        images.append(np.concatenate([pixels, seam, overlay(pixels, heat, OPACITY)], axis=1))
        name = style.shorten(dataset.class_names[dataset.label[row]], 20)
        captions.append(f"{name}: {image_weights.min():.3g} to {image_weights.max():.3g}")
    image_grid(
        path,
        "Attention: weights of positions, validation pictures\n"
        "(blue: the picture's least, red: its most; the numbers are these two)",
        images,
        captions,
        columns=COLUMNS,
        side=3.0,
        aspect=0.5,
    )


def _draw_channels(path: Path, head: keras.Model, dataset: Dataset, maps_at: MapsAt) -> None:
    """All channels' weights in order, and the channels in which classes differ most."""
    rows = turns.in_turn(dataset.label)[:COMPARED].tolist()
    batches = [rows[start : start + BATCH] for start in range(0, len(rows), BATCH)]
    weights = np.concatenate([channel_weights(head, maps_at(batch)) for batch in batches])
    label = dataset.label[rows]
    means, within = by_class(weights, label)
    present, channels = np.unique(label), most_different(means, CHANNELS)
    rows_drawn = np.sort(np.argsort(-np.ptp(means[:, channels], axis=1), kind="stable")[:CLASSES])
    few = ""
    if len(rows_drawn) < len(means):
        few = f", {len(rows_drawn)} of {len(means)} classes"
    draw_channels_and_classes(
        path,
        f"Attention: weights of {weights.shape[1]:,} channels, {len(rows)} validation pictures\n"
        f"standard deviation between classes {means.std(axis=0).mean():.2g}, "
        f"within a class {within:.2g}",
        weights,
        (means - means.mean(axis=0))[np.ix_(rows_drawn, channels)],
        [dataset.class_names[index] for index in present[rows_drawn]],
        channels,
        f"the {len(channels)} channels that differ most between classes{few}",
    )


def by_class(weights: np.ndarray, label: np.ndarray) -> tuple[np.ndarray, float]:
    """Means of classes, and the spread within a class.

    Args:
        weights: float (n, channels).
        label: int (n,).

    Returns:
        float (n_present, channels), of the classes that are there, by number; and the standard
        deviation within a class, its mean over classes and channels.
    """
    classes = [weights[label == value] for value in np.unique(label)]
    means = np.stack([of_class.mean(axis=0) for of_class in classes])
    return means, float(np.mean([of_class.std(axis=0).mean() for of_class in classes]))


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


def draw_channels_and_classes(
    path: Path,
    title: str,
    weights: np.ndarray,
    table: np.ndarray,
    class_names: Sequence[str],
    numbers: Sequence[int],
    table_title: str,
) -> None:
    """Draws the weights' distribution at the left and the table, in colours, at the right.

    Args:
        path: the PNG.
        title: above all.
        weights: float (n_images, n_channels).
        table: float (len(class_names), len(numbers)), a class's mean weight less the classes' mean.
        class_names: of the table's rows.
        numbers: of the table's columns, the channels'.
        table_title: above the table.
    """
    rows, columns = table.shape
    most = max(float(np.abs(table).max()), 1e-9)  # one class differs from nothing
    right = 3.2 + COLUMN * max(columns, 12)
    sizes = {"gridspec_kw": {"width_ratios": [4, right]}}
    with style.drawing(path, 4 + right, max(4.0, 2.2 + ROW * rows), 1, 2, **sizes) as (
        figure,
        axes,
    ):
        figure.suptitle(title, fontsize=12)
        _draw_order(axes[0], weights)
        ax = axes[1]
        colours = {"cmap": "PuOr_r", "vmin": -most, "vmax": most, "interpolation": "nearest"}
        image = ax.imshow(table, aspect="auto", **colours)
        ax.set_xticks(range(columns), numbers, rotation=90, fontsize=8)
        ax.set_yticks(range(rows), [style.shorten(name, 24) for name in class_names], fontsize=9)
        ax.set_title(table_title, fontsize=10)
        ax.set_xlabel("channel, grouped by the class that has most of it")
        ax.grid(visible=False)
        figure.colorbar(image, ax=ax, label="weight less the classes' mean")


def _draw_order(ax, weights: np.ndarray) -> None:
    """Mean weights from the largest to the smallest, with the middle nine tenths of images."""
    order = np.argsort(-weights.mean(axis=0), kind="stable")
    x = np.arange(1, len(order) + 1)
    low, high = np.percentile(weights[:, order], [5, 95], axis=0)
    ax.fill_between(
        x, low, high, color=style.colour_of(4), alpha=0.4, lw=0, label="90% of pictures"
    )
    ax.plot(x, weights.mean(axis=0)[order], color=style.colour_of(0), label="mean")
    ax.set(ylim=(0, 1), xlabel="channels, by their mean weight", ylabel="weight")
    ax.set_title("what the gates let through", fontsize=10)
    ax.legend(loc="best", fontsize=8.5)
