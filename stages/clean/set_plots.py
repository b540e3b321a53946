"""Plots of the composition of an image set: shares of the classes, sizes, aspect ratios."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from common.plots.style import COLOURS, colour_of, drawing, shorten

SLICES = 8  # of a pie; the rest is one slice, "others"
BINS = 41  # of each axis of the plot of sizes; odd, so that one size alone is in the middle
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
