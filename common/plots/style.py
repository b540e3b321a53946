"""Style of all plots, and the context managers that write them as PNG.

Figures are made without pyplot, which keeps them all in memory, and are saved with no dates or
versions inside, so that equal content gives equal bytes.
"""

import contextlib
import functools
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib import font_manager
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from common.files import atomic_file

# Okabe & Ito (2008), distinct for every common kind of colour blindness, then four more.
COLOURS = [
    *("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#555555"),
    *("#882255", "#A0E8AF", "#8C6D31", "#332288"),
]
DOTS = 100  # per inch
STYLE = {
    "font.size": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#dddddd",
    "legend.frameon": False,
    "figure.dpi": DOTS,
    "text.parse_math": False,  # names of classes and files may hold two $
}


# For class names in scripts that DejaVu lacks, where the machine has one of these.
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
    """Colour of a class by its label, the same in every plot; repeats after len(COLOURS)."""
    return COLOURS[index % len(COLOURS)]


def shorten(text: str, width: int) -> str:
    """The text, cut in the middle to at most `width` characters."""
    if len(text) <= width:
        return text
    keep = width - 1
    return text[: -(-keep // 2)] + "…" + text[len(text) - keep // 2 :]
