"""Pictures for people: one look, one writer. Computing is elsewhere; here is only drawing.

Figures are made without pyplot, which keeps them all in memory, and are saved with no dates or
versions inside, so that equal content gives equal bytes.
"""

import contextlib
import functools
import textwrap
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib import font_manager
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from stages.common.files import atomic_file

# Okabe & Ito (2008), distinct for every common kind of colour blindness, then four more.
COLOURS = [
    *("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#555555"),
    *("#882255", "#A0E8AF", "#8C6D31", "#332288"),
]
DOTS = 100  # per inch
BARS = 180  # of one plot
STYLE = {
    "font.size": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#dddddd",
    "legend.frameon": False,
    "figure.dpi": DOTS,
}


# For names in scripts that DejaVu lacks, where the machine has one of them.
OTHER_FONTS = (
    *("Noto Sans CJK JP", "Noto Sans CJK SC", "Hiragino Sans", "Microsoft YaHei", "MS Gothic"),
    *("WenQuanYi Zen Hei", "Malgun Gothic", "Noto Sans Devanagari", "Arial Unicode MS"),
)


@functools.cache
def fonts() -> tuple[str, ...]:
    """DejaVu Sans, which ships with matplotlib, then those of OTHER_FONTS that are installed."""
    installed = set(font_manager.get_font_names())
    return ("DejaVu Sans", *(name for name in OTHER_FONTS if name in installed))


@contextlib.contextmanager
def canvas(path: Path, width: float, height: float, **keywords) -> Iterator[Figure]:
    """Yields an empty figure to draw on, and then writes the PNG, whole or not at all.

    Args:
        path: the PNG.
        width: inches, of DOTS dots each.
        height: inches.
        **keywords: of Figure.
    """
    with mpl.rc_context(STYLE | {"font.family": list(fonts())}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")  # drawn as a box
        figure = Figure(figsize=(width, height), **keywords)
        FigureCanvasAgg(figure)
        yield figure
        with atomic_file(path) as temporary:
            figure.savefig(temporary, format="png", metadata={"Software": None})


@contextlib.contextmanager
def drawing(
    path: Path, width: float, height: float, rows: int = 1, columns: int = 1, **keywords
) -> Iterator[tuple[Figure, Any]]:
    """Yields (figure, axes) to draw on; written as by `canvas`.

    Args:
        path: the PNG.
        width: inches.
        height: inches.
        rows: of axes; one row and column give one Axes, more an array of them.
        columns: of axes.
        **keywords: of Figure.subplots.
    """
    with canvas(path, width, height, layout="constrained") as figure:
        yield figure, figure.subplots(rows, columns, **keywords)


def colour_of(index: int) -> str:
    """A class's colour, the same in every plot."""
    return COLOURS[index % len(COLOURS)]


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
    """Horizontal bars of one or several parts; `ends` or the total stands at each bar's end.

    More than BARS bars would not fit a page: the first are drawn, and the title says so.
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


def history(
    path: Path, rows: dict[str, Sequence], best_epoch: int, loss: str = "cross-entropy"
) -> None:
    """Loss and accuracy by epoch, training and validation, with the kept epoch marked.

    Where there is a column `phase`, a line stands between the warm-up and the tuning.
    """
    phases = list(rows.get("phase", []))
    warmup = phases.count("warm-up")
    with drawing(path, 10, 4, 1, 2) as (figure, axes):
        for ax, metric, unit in zip(
            axes, ("loss", "accuracy"), (f"{loss} (nats)", "fraction"), strict=True
        ):
            for index, (key, name) in enumerate(((metric, "train"), (f"val_{metric}", "val"))):
                ax.plot(rows["epoch"], rows[key], color=colour_of(index), label=name, marker=".")
            ax.axvline(
                best_epoch, color="#555555", linestyle=":", label=f"kept: epoch {best_epoch}"
            )
            if 0 < warmup < len(phases):
                ax.axvline(warmup + 0.5, color="#bbbbbb", label="backbone tuned from here")
            ax.set(title=metric.capitalize(), xlabel="epoch", ylabel=f"{metric}, {unit}")
            ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes[0].set_ylim(bottom=0)
        handles, names = axes[1].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside right upper")


def shorten(text: str, width: int) -> str:
    """The text, cut in the middle to at most `width` characters."""
    if len(text) <= width:
        return text
    keep = width - 1
    return text[: -(-keep // 2)] + "…" + text[len(text) - keep // 2 :]


def wrap(text: str, width: int, lines: int) -> str:
    """The text in at most `lines` lines of at most `width` characters."""
    wrapped = textwrap.wrap(text, width, break_long_words=True) or [""]
    if len(wrapped) > lines:
        wrapped = wrapped[:lines]
        wrapped[-1] = wrapped[-1][: width - 1] + "…"
    return "\n".join(wrapped)
