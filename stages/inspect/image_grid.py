"""Grid of images in rows, each with its caption."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from common.plots.style import drawing


def image_grid(
    path: Path,
    title: str,
    images: Sequence[np.ndarray],
    captions: Sequence[str],
    columns: int = 6,
    side: float = 1.8,
    aspect: float = 1.0,
) -> None:
    """Images in rows, each with its caption.

    Args:
        path: the PNG.
        title: above all.
        images: uint8 (height, width, 3) each; sizes may differ.
        captions: one per image; may hold line breaks.
        columns: images per row.
        side: inches per image, across.
        aspect: height over width of most images.
    """
    columns = max(1, min(columns, len(images)))
    rows = max(1, -(-len(images) // columns))
    lines = max([caption.count("\n") + 1 for caption in captions], default=0)
    with drawing(
        path,
        max(5.0, columns * side),
        0.6 + rows * (side * aspect + 0.19 * lines),
        rows,
        columns,
        squeeze=False,
    ) as (figure, axes):
        for ax in axes.flat:
            ax.set_axis_off()
        for ax, image, caption in zip(axes.flat, images, captions, strict=False):
            ax.imshow(image)
            ax.set_title(caption, fontsize=8.5, pad=3)
        figure.suptitle(title, fontsize=12)
