"""Images as input of a model, decoded."""

from collections.abc import Callable

import keras
import numpy as np

from common.images import decode_png
from common.tables.dataset import Dataset


def fresh_maps(backbone: keras.Model, dataset: Dataset) -> Callable[[list[int]], np.ndarray]:
    """A function from rows to their maps, computed when asked for: float32 (len(rows), h, w, c)."""

    def maps_at(rows: list[int]) -> np.ndarray:
        encoded = dataset.png_at(rows)
        pixels = decode_batch([encoded[row] for row in rows]).astype(np.float32)
        return backbone(pixels, training=False).numpy()

    return maps_at


def decode_batch(encoded: list[bytes]) -> np.ndarray:
    """uint8 (batch, height, width, 3) of PNG bytes."""
    return np.stack([decode_png(data) for data in encoded])
