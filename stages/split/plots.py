"""Everything in plots/split: how many images of each class are where, and what they look like."""

from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from common import tables
from common.images import decode_png
from common.plots import bars, grids, sets

SAMPLES = 72  # training images shown, an equal share of each class
CLASSES = 36  # classes of which images are shown


def draw(folder: Path, dataset: Path, counts: pd.DataFrame, seed: int) -> None:
    """Draws all plots of the split stage.

    Args:
        folder: where the PNGs go.
        dataset: folder of the splits.
        counts: images by class name (index, in label order) and split (columns).
        seed: decides which training images are shown.
    """
    class_names = list(counts.index)
    parts = {name: counts[name].tolist() for name in tables.SPLITS}
    title = "Pictures per class and split"
    bars.stacked_bars(folder / "classes.png", title, class_names, parts, "pictures")
    sets.count_table(folder / "table.png", title, class_names, parts)

    train = tables.Dataset(dataset / "train")
    rng = np.random.default_rng(seed)
    each = int(np.clip(SAMPLES // len(class_names), 2, grids.COLUMNS))
    strips, shown = [], []
    for label, name in enumerate(class_names[:CLASSES]):
        own = np.flatnonzero(train.label == label)
        rows = sorted(rng.choice(own, min(each, len(own)), replace=False).tolist())
        paths = [train.path[row] for row in rows]
        strips.append(grids.Strip(f"{name}: {len(own):,}", paths, [""] * len(paths)))
        shown += rows
    images = {
        train.path[row]: grids.tile(Image.fromarray(decode_png(png)))
        for row, png in train.png_at(shown).items()
    }
    title = f"Training pictures as the model sees them, at most {each} of each class"
    if len(class_names) > CLASSES:
        title += f" (first {CLASSES} of {len(class_names)} classes)"
    grids.contact_sheet(folder / "samples.png", title, strips, images)
