"""Plots of the split stage: images per class and split, and examples from train."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from common.images import decode_png
from common.plots import bars, grids
from common.plots.style import DOTS, canvas, shorten
from common.tables.dataset import SPLITS, Dataset

SAMPLES = 72  # training images drawn, an equal share of each class
CLASSES = 36  # classes of which images are drawn
TABLE_ROWS, TABLE_BLOCKS = 40, 4  # rows below and blocks beside one another in the table


def draw(folder: Path, dataset: Path, counts: pd.DataFrame, seed: int) -> None:
    """Draws all plots of the split stage.

    Args:
        folder: where the PNGs go.
        dataset: folder of the splits.
        counts: images by class name (index, in label order) and split (columns).
        seed: decides which training images are drawn.
    """
    class_names = list(counts.index)
    parts = {name: counts[name].tolist() for name in SPLITS}
    title = "Pictures per class and split"
    bars.stacked_bars(folder / "classes.png", title, class_names, parts, "pictures")
    count_table(folder / "table.png", title, class_names, parts)
    draw_samples(folder / "samples.png", Dataset(dataset / "train"), seed)


def draw_samples(path: Path, train: Dataset, seed: int) -> None:
    """Draws a contact sheet of training images, as many of each class, as the model sees them."""
    rng = np.random.default_rng(seed)
    per_class = int(np.clip(SAMPLES // len(train.class_names), 2, grids.COLUMNS))
    strips, sampled = [], []
    for label, name in enumerate(train.class_names[:CLASSES]):
        candidates = np.flatnonzero(train.label == label)
        size = min(per_class, len(candidates))
        rows = sorted(rng.choice(candidates, size, replace=False).tolist())
        paths = [train.path[row] for row in rows]
        strips.append(grids.Strip(f"{name}: {len(candidates):,}", paths, [""] * len(paths)))
        sampled += rows
    tiles = {
        train.path[row]: grids.tile(Image.fromarray(decode_png(png)))
        for row, png in train.png_at(sampled).items()
    }
    title = f"Training pictures as the model sees them, at most {per_class} of each class"
    if len(train.class_names) > CLASSES:
        title += f" (first {CLASSES} of {len(train.class_names)} classes)"
    grids.contact_sheet(path, title, strips, tiles)


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
