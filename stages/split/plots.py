"""Plots of the split stage: images per class and split, and examples from train."""

from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from common.images import decode_png
from common.plots import bars, grids, sets
from common.tables.dataset import SPLITS, Dataset

SAMPLES = 72  # training images drawn, an equal share of each class
CLASSES = 36  # classes of which images are drawn


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
    sets.count_table(folder / "table.png", title, class_names, parts)
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
