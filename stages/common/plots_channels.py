"""The plot of channel weights: all of them in order, and a table of some by class."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from stages.common.plots import colour_of, drawing, shorten

ROW, COLUMN = 0.3, 0.27  # inches of a cell of the table


def channels(
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
        weights: float (n_pictures, n_channels).
        table: float (len(class_names), len(numbers)), a class's mean weight less the classes' mean.
        class_names: of the table's rows.
        numbers: of the table's columns, the channels'.
        table_title: above the table.
    """
    rows, columns = table.shape
    most = max(float(np.abs(table).max()), 1e-9)  # one class differs from nothing
    right = 3.2 + COLUMN * max(columns, 12)
    sizes = {"gridspec_kw": {"width_ratios": [4, right]}}
    with drawing(path, 4 + right, max(4.0, 2.2 + ROW * rows), 1, 2, **sizes) as (figure, axes):
        figure.suptitle(title, fontsize=12)
        _draw_order(axes[0], weights)
        ax = axes[1]
        colours = {"cmap": "PuOr_r", "vmin": -most, "vmax": most, "interpolation": "nearest"}
        image = ax.imshow(table, aspect="auto", **colours)
        ax.set_xticks(range(columns), numbers, rotation=90, fontsize=8)
        ax.set_yticks(range(rows), [shorten(name, 24) for name in class_names], fontsize=9)
        ax.set_title(table_title, fontsize=10)
        ax.set_xlabel("channel, grouped by the class that has most of it")
        ax.grid(visible=False)
        figure.colorbar(image, ax=ax, label="weight less the classes' mean")


def _draw_order(ax, weights: np.ndarray) -> None:
    """Mean weights from the largest to the smallest, with the middle nine tenths of pictures."""
    order = np.argsort(-weights.mean(axis=0), kind="stable")
    x = np.arange(1, len(order) + 1)
    low, high = np.percentile(weights[:, order], [5, 95], axis=0)
    ax.fill_between(x, low, high, color=colour_of(4), alpha=0.4, lw=0, label="90% of pictures")
    ax.plot(x, weights.mean(axis=0)[order], color=colour_of(0), label="mean")
    ax.set(ylim=(0, 1), xlabel="channels, by their mean weight", ylabel="weight")
    ax.set_title("what the gates let through", fontsize=10)
    ax.legend(loc="best", fontsize=8.5)
