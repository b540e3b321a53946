"""Contact sheets: strips of images with a heading each."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.lines import Line2D
from PIL import Image, ImageOps

from common.plots.style import DOTS, canvas, shorten

TILE = 160  # px, the square that an image of a contact sheet is fitted into
COLUMNS = 8  # tiles across a contact sheet
PADDING = 245  # grey beside an image that is not square
CAPTION = 25  # characters of a caption's line that fit below a tile
_GAP, _STRIP_GAP, _LINE, _HEADING, _TITLE = 8, 20, 14, 22, 34  # px


@dataclass(frozen=True)
class Strip:
    """Images that belong together on a contact sheet.

    Attributes:
        heading: above the images.
        paths: of the images, relative to the raw folder, at least one.
        captions: below the images, one each; may hold line breaks.
    """

    heading: str
    paths: Sequence[str]
    captions: Sequence[str]


def tile(image: Image.Image) -> np.ndarray:
    """An RGB image fitted into a square: uint8 (TILE, TILE, 3)."""
    method = Image.Resampling.BICUBIC
    return np.asarray(ImageOps.pad(image, (TILE, TILE), method, color=(PADDING,) * 3))


def contact_sheet(
    path: Path, title: str, strips: Sequence[Strip], tiles: dict[str, np.ndarray]
) -> None:
    """Strips of images one after the other, as many side by side as fit.

    Args:
        path: the PNG.
        title: above all.
        strips: in order; none draws the title alone.
        tiles: uint8 (TILE, TILE, 3) for each path of the strips, as from `tile`.
    """
    rows = _flow(strips)
    lines = [max(_lines(strip) for _, strip in row) for row in rows]
    heights = [_HEADING + TILE + _LINE * count + 2 * _GAP for count in lines]
    width = max([_extent(row) for row in rows], default=0)
    width = max(640, width + 2 * _STRIP_GAP)
    height = max(160, _TITLE + sum(heights))
    with canvas(path, width / DOTS, height / DOTS) as figure:

        def write(x: float, y: float, text: str, **style) -> None:
            figure.text(x / width, 1 - y / height, text, va="top", linespacing=1.15, **style)

        write(_STRIP_GAP, 10, title, fontsize=11.5)
        if not rows:
            write(_STRIP_GAP, 50, "none", fontsize=11, color="#555555")
        top = _TITLE
        for row, row_height in zip(rows, heights, strict=True):
            for left, strip in row:
                x, span = left + _STRIP_GAP, _span(strip)
                heading = shorten(strip.heading, int(span / 7.6))
                write(x, top + 2, heading, fontsize=8.5, weight="bold")
                y = 1 - (top + _HEADING - 3) / height
                ends = [x / width, (x + span) / width]
                figure.add_artist(Line2D(ends, [y, y], color="#999999", linewidth=0.8))
                for image_path, caption in zip(strip.paths, strip.captions, strict=True):
                    bottom = height - top - _HEADING - TILE
                    figure.figimage(tiles[image_path], x, bottom)
                    write(x, top + _HEADING + TILE + 3, caption, fontsize=7.5)
                    x += TILE + _GAP
            top += row_height


def caption(path: str, *lines: str) -> str:
    """The lines, then the end of the path, which tells files apart, on at most two lines."""
    if len(path) > 2 * CAPTION:
        path = "…" + path[1 - 2 * CAPTION :]
    cut = path.rfind("/", 0, CAPTION) + 1  # rather after a folder than within a name
    if len(path) <= CAPTION:
        path_lines = [path]
    elif cut > 0 and len(path) - cut <= CAPTION:
        path_lines = [path[:cut], path[cut:]]
    else:
        path_lines = [path[:CAPTION], path[CAPTION:]]
    return "\n".join([*lines, *(line.strip() for line in path_lines)])


def _span(strip: Strip) -> int:
    """Width of a strip in px."""
    return len(strip.paths) * (TILE + _GAP) - _GAP


def _lines(strip: Strip) -> int:
    """Lines of a strip's longest caption."""
    return max(text.count("\n") + 1 if text else 0 for text in strip.captions)


def _extent(row: list[tuple[int, Strip]]) -> int:
    """Width of a row of strips in px."""
    left, strip = row[-1]
    return left + _span(strip)


def _flow(strips: Sequence[Strip]) -> list[list[tuple[int, Strip]]]:
    """Rows of (px from the left, strip); strips wider than a row are continued in the next."""
    limit = COLUMNS * (TILE + _GAP) + 2 * _STRIP_GAP
    fitting = []  # strips of one row at most
    for strip in strips:
        for start in range(0, len(strip.paths), COLUMNS):
            heading = strip.heading + (" (continued)" if start else "")
            end = start + COLUMNS
            fitting.append(Strip(heading, strip.paths[start:end], strip.captions[start:end]))
    rows: list[list[tuple[int, Strip]]] = []
    for strip in fitting:
        left = _extent(rows[-1]) + _STRIP_GAP + _GAP if rows else 0
        if rows and left + _span(strip) <= limit:
            rows[-1].append((left, strip))
        else:
            rows.append([(0, strip)])
    return rows
