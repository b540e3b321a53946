"""Means over positions of every map, and their moments by channel, written as maps are."""

from pathlib import Path

import numpy as np


class PooledMaps:
    """Means over positions of every map of a split, as a stream, and the moments of these means."""

    def __init__(self, path: Path, n: int, views: int, channels: int):
        """Args:
        path: the .npy file that is written, float32 `(n, views, channels)`.
        n: images of the split.
        views: of each image.
        channels: of the maps.
        """
        self._vectors = np.lib.format.open_memmap(path, "w+", np.float32, (n, views, channels))
        self._count, self._sums, self._squares = 0, np.zeros(channels), np.zeros(channels)

    def add(self, start: int, maps: np.ndarray) -> None:
        """Takes in the maps of the images from row `start` on.

        Args:
            start: row of the first.
            maps: float16 (m, views, height, width, channels), as they are written.
        """
        # In float32: the sum over positions of float16 values would be rounded as it grows.
        vectors = maps.mean(axis=(2, 3), dtype=np.float32)
        self._vectors[start : start + len(maps)] = vectors
        self._count += vectors.shape[0] * vectors.shape[1]
        self._sums += vectors.sum(axis=(0, 1), dtype=np.float64)
        self._squares += np.square(vectors, dtype=np.float64).sum(axis=(0, 1))

    def close(self) -> None:
        """Writes what is still in memory."""
        self._vectors.flush()
        del self._vectors

    @property
    def moments(self) -> np.ndarray:
        """Mean and deviation of each channel over images and views: float32 (2, channels)."""
        mean = self._sums / self._count
        variance = np.maximum(self._squares / self._count - mean**2, 0)
        return np.stack([mean, np.sqrt(variance)]).astype(np.float32)
