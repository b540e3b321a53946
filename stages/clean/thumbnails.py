"""Small square tiles of the source's files, for contact sheets."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from common.cli import parallel_map
from common.images import ImageError, decode
from common.plots.grids import TILE, tile
from common.preprocessing import Greys

ABSENT = 215  # grey where a file cannot be decoded


def thumbnails(
    raw: Path, paths: Iterable[str], max_pixels: int, greys: Greys
) -> dict[str, np.ndarray]:
    """Tiles by path, uint8 (TILE, TILE, 3), each file decoded once; plain grey if it cannot be.

    Args:
        raw: the folder of the files.
        paths: relative to it; repeats cost nothing.
        max_pixels: larger images are not decoded.
        greys: of the set.
    """

    def load(path: str) -> np.ndarray:
        try:
            data = (raw / path).read_bytes()
            image = decode(data, max_pixels, (TILE, TILE), greys).image
        except ImageError:
            return np.full((TILE, TILE, 3), ABSENT, np.uint8)
        return tile(image)

    distinct = sorted(set(paths))
    return dict(zip(distinct, parallel_map(load, distinct), strict=True))
