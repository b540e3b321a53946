"""Plots of the composition of an image set: shares, sizes, aspect ratios, tables of counts."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from common.plots.style import COLOURS, DOTS, canvas, colour_of, drawing, shorten

SLICES = 8  # of a pie; the rest is one slice, "others"
BINS = 41  # of each axis of the plot of sizes; odd, so that one size alone is in the middle
TABLE_ROWS, TABLE_BLOCKS = 40, 4  # rows below and blocks beside one another in a table
ASPECTS = ("1:8", "1:4", "1:2", "2:3", "1:1", "3:2", "2:1", "4:1", "8:1")
CLOSE_ASPECTS = ("3:4", "4:3")  # named too where the axis is short


def pie(path: Path, title: str, names: Sequence[str], counts: Sequence[int]) -> None:
    """Pie chart: shares of the SLICES largest classes, largest first, and of all others together.

    Args:
        path: the PNG.
        title: above it.
        names: of the classes, in label order.
        counts: images of each.
    """
    order = sorted(range(len(names)), key=lambda index: (-counts[index], names[index]))
    # Ten classes are common, and "others" for two or less of them would tell less than it saves.
    drawn = order if len(order) <= SLICES + 2 else order[:SLICES]
    sizes = [counts[index] for index in drawn]
    labels = [shorten(names[index], 28) for index in drawn]
    # Each class in its colour of the other plots, as long as there are enough for all of them.
    distinct = len(names) <= len(COLOURS)
    colours = [colour_of(index if distinct else place) for place, index in enumerate(drawn)]
    if len(drawn) < len(order):
        labels.append(f"{len(order) - len(drawn)} others")
        sizes.append(sum(counts) - sum(sizes))
        colours.append("#bbbbbb")
    total = max(1, sum(sizes))
    with drawing(path, 7, 3.8) as (figure, ax):
        wedges = ax.pie(
            sizes,
            colors=colours,
            startangle=90,
            counterclock=False,
            wedgeprops={"edgecolor": "white", "linewidth": 1},
        )[0]
        legend = [
            f"{label}: {size:,} ({size / total:.1%})"
            for label, size in zip(labels, sizes, strict=True)
        ]
        figure.legend(wedges, legend, loc="outside right center")
        ax.set_title(title)


def sizes(path: Path, title: str, width: np.ndarray, height: np.ndarray) -> None:
    """Width against height on logarithmic axes, by how many images have about that size.

    Args:
        path: the PNG.
        title: above it.
        width: px, (n,).
        height: px, (n,).
    """
    both = np.concatenate([width, height]).astype(float)
    edges = np.geomspace(both.min() / 1.3, both.max() * 1.3, BINS + 1)
    counts = np.histogram2d(height, width, [edges, edges])[0]
    with drawing(path, 7.4, 6.3) as (figure, ax):
        norm = LogNorm(1, max(2, counts.max()))
        filled = np.ma.masked_equal(counts, 0)
        mesh = ax.pcolormesh(edges, edges, filled, cmap="viridis_r", norm=norm)
        ax.plot(edges[[0, -1]], edges[[0, -1]], ":", color="#555555", label="square")
        middle = float(np.median(width)), float(np.median(height))
        label = f"median: {middle[0]:.0f} × {middle[1]:.0f} px"
        ax.plot(*middle, "+", color="#D55E00", markersize=13, markeredgewidth=2, label=label)
        ax.set(xscale="log", yscale="log", title=title, aspect="equal")
        ax.set(xlabel="width (px)", ylabel="height (px)")
        for axis in (ax.xaxis, ax.yaxis):
            # A tick at each octave of a wide range, closer ones for one size only.
            octaves = np.log2(edges[-1] / edges[0])
            subs = (1.0, 2.0, 5.0) if octaves > 3 else tuple(np.arange(1, 10, 1.0))
            axis.set_major_locator(LogLocator(10, subs))
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
            axis.set_minor_formatter(NullFormatter())
        figure.legend(loc="outside lower center", ncols=2)
        bar = figure.colorbar(mesh, ax=ax, label="pictures", shrink=0.8)
        bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        bar.ax.yaxis.set_minor_formatter(NullFormatter())


def aspects(path: Path, title: str, aspect: np.ndarray) -> None:
    """Histogram of width over height on a logarithmic axis, common shapes named.

    Args:
        path: the PNG.
        title: above it.
        aspect: (n,), above 0.
    """
    reach = max(1.0, float(np.abs(np.log2(aspect)).max())) + 0.1
    # Bins of a twelfth of an octave, one of them centred on the square.
    n = int(np.ceil(reach * 12))
    edges = 2.0 ** ((np.arange(-n, n + 2) - 0.5) / 12)
    with drawing(path, 8, 4) as (_, ax):
        ax.hist(aspect, edges, color=colour_of(0))
        middle = float(np.median(aspect))
        ax.axvline(middle, linestyle=":", color="#555555", label=f"median: {middle:.2f}")
        ax.set_xscale("log", base=2)
        names = ASPECTS + (CLOSE_ASPECTS if reach < 2 else ())
        values = {name: int(name[0]) / int(name[2]) for name in names}
        ticks = {name: value for name, value in values.items() if edges[0] < value < edges[-1]}
        ax.set_xticks(list(ticks.values()), list(ticks))
        ax.xaxis.set_minor_formatter(NullFormatter())
        ax.yaxis.set_major_locator(MaxNLocator(integer=True))
        ax.grid(axis="x", visible=False)
        ax.set(title=title, xlabel="width : height", ylabel="pictures")
        ax.legend()


def count_table(
    path: Path, title: str, names: Sequence[str], parts: dict[str, Sequence[int]]
) -> None:
    """A table of counts, each with its percentage of the row, and a first row of totals.

    Args:
        path: the PNG.
        title: above it.
        names: of the rows; the first ones are drawn, TABLE_ROWS * TABLE_BLOCKS with the totals.
        parts: the columns, by their heading.
    """
    totals = {part: sum(counts) for part, counts in parts.items()}
    rows = [("all classes", list(totals.values()))]
    rows += [(name, list(row)) for name, *row in zip(names, *parts.values(), strict=True)]
    drawn = rows[: TABLE_ROWS * TABLE_BLOCKS]
    if len(drawn) < len(rows):
        title += f" (first {len(drawn) - 1} of {len(names)} classes)"
    blocks = [drawn[start : start + TABLE_ROWS] for start in range(0, len(drawn), TABLE_ROWS)]
    line, name_width, cell = 22, 210, 132  # px
    block_width = name_width + cell * (len(parts) + 1) + 30
    width = 20 + block_width * len(blocks)
    height = 50 + line * (len(blocks[0]) + 1) + 14
    with canvas(path, width / DOTS, height / DOTS) as figure:

        def write(x: float, y: float, text: str, **style) -> None:
            figure.text(x / width, 1 - y / height, text, va="center", fontsize=9.5, **style)

        figure.text(20 / width, 1 - 24 / height, title, va="center", fontsize=12)
        for index, block in enumerate(blocks):
            left = 20 + index * block_width
            for column, heading in enumerate([*parts, "all"]):
                right = left + name_width + cell * (column + 1)
                write(right, 56, heading, ha="right", weight="bold")
            for place, (name, row) in enumerate(block):
                y = 56 + line * (place + 1)
                weight = "bold" if (index, place) == (0, 0) else "normal"
                write(left, y, shorten(name, 28), weight=weight)
                total = sum(row)
                texts = [f"{n:,} ({n / max(1, total):.1%})" for n in row] + [f"{total:,}"]
                for column, text in enumerate(texts):
                    right = left + name_width + cell * (column + 1)
                    write(right, y, text, ha="right", weight=weight)
