"""Dot charts: values with the whiskers of their intervals."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from common.plots.style import colour_of, drawing


@dataclass(frozen=True)
class Dots:
    """A row of a dot chart.

    Attributes:
        name: left of it.
        values: value, low and high of each kind; None where undefined.
    """

    name: str
    values: Sequence[tuple[float | None, float | None, float | None]]


def draw_dots(
    path: Path, title: str, kinds: Sequence[str], rows: Sequence[Dots], x_label: str
) -> None:
    """Values with the whiskers of their intervals, a row for each name, one dot per kind.

    Args:
        path: the PNG.
        title: above it.
        kinds: names of the values of a row.
        rows: from above to below.
        x_label: of the axis.
    """
    gap = 0.24 if len(kinds) > 1 else 0.0
    step = 0.27 + 0.12 * len(kinds)
    with drawing(path, 9.0, 1.5 + step * max(2, len(rows))) as (figure, ax):
        lowest = 1.0
        for index, kind in enumerate(kinds):
            marker, label = "osD"[index % 3], kind
            for place, row in enumerate(rows):
                value, low, high = row.values[index]
                if value is None:
                    continue
                y = place + (index - (len(kinds) - 1) / 2) * gap
                lowest = min(lowest, low)
                ax.plot([low, high], [y, y], color=colour_of(index), alpha=0.55, linewidth=2.4)
                ax.plot(value, y, marker, color=colour_of(index), label=label, markersize=6)
                label = None
        ax.set_yticks(range(len(rows)), [row.name for row in rows], fontsize=9)
        ax.set_ylim(max(2, len(rows)) - 0.4, -0.6)
        ax.grid(axis="y", visible=False)
        for place in range(len(rows) - 1):
            ax.axhline(place + 0.5, color="#eeeeee", linewidth=0.8, zorder=0)
        ax.set_xlim(max(-0.01, lowest - 0.05), 1.01)
        ax.set(title=title, xlabel=x_label)
        if len(kinds) > 1:
            figure.legend(loc="outside right upper")
