"""Horizontal bar charts, plain or stacked."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.ticker import MaxNLocator

from common.plots.style import colour_of, drawing, shorten

BARS = 180  # of one plot at most


def bars(path: Path, title: str, names: Sequence[str], counts: Sequence[int], x_label: str) -> None:
    """Horizontal bars, each with its number."""
    stacked_bars(path, title, names, {"": list(counts)}, x_label)


def stacked_bars(
    path: Path,
    title: str,
    names: Sequence[str],
    parts: dict[str, Sequence[int]],
    x_label: str,
    ends: Sequence[str] | None = None,
) -> None:
    """Horizontal bars of one or several parts.

    More than BARS bars would not fit a page: the first are drawn, and the title says so.

    Args:
        path: the PNG.
        title: above it.
        names: of the bars, from the top.
        parts: by their name in the legend, the length of each bar's part.
        x_label: of the axis of lengths.
        ends: text at each bar's end; None writes its total.
    """
    if len(names) > BARS:
        title += f" (first {BARS} of {len(names)} classes)"
        names = names[:BARS]
        parts = {part: counts[:BARS] for part, counts in parts.items()}
    many = len(names) > 40
    height = 1.6 + (0.2 if many else 0.34) * max(2, len(names))
    font_size = 8 if many else 11
    with drawing(path, 8, max(height, 0.5 + 0.24 * len(parts))) as (figure, ax):
        y = np.arange(len(names))
        left = np.zeros(len(names))
        for index, (part, counts) in enumerate(parts.items()):
            ax.barh(y, counts, left=left, color=colour_of(index), label=part, height=0.7)
            left += np.asarray(counts)
        for position, total in zip(y, left, strict=True):
            ax.annotate(
                ends[position] if ends else f"{int(total):,}",
                (total, position),
                (4, 0),
                textcoords="offset points",
                va="center",
                fontsize=font_size,
            )
        ax.set_yticks(y, [shorten(name, 28) for name in names], fontsize=font_size)
        ax.margins(y=0.6 / len(names))
        ax.invert_yaxis()
        ax.margins(x=0.2 if ends else 0.1)
        ax.grid(axis="y", visible=False)
        ax.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        ax.set(title=title, xlabel=x_label)
        if len(parts) > 1:
            figure.legend(loc="outside right upper")
