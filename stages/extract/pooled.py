"""Pooled maps of every view, and the moments of each channel, gathered while maps are written."""

from pathlib import Path

import numpy as np

from networks.maps import MOMENTS_FILE, pooled_file


class PooledMaps:
    """Means over positions of every map of a split, and sums for mean and deviation of channels."""

    def __init__(self, n: int, views: int, channels: int):
        """Args: numbers of images, of views of each, and of channels of the maps."""
        self.vectors = np.empty((n, views, channels), np.float32)
        self._squares = np.zeros(channels)

    def add(self, start: int, view: int, maps: np.ndarray) -> None:
        """Takes in the maps of one view of the images from row `start` on.

        Args:
            start: row of the first.
            view: number of the view.
            maps: float16 (m, height, width, channels), as they are written.
        """
        single = maps.astype(np.float32)
        self.vectors[start : start + len(maps), view] = single.mean(axis=(1, 2))
        squares = np.einsum("nhwc,nhwc->c", single, single) / np.prod(maps.shape[1:3])
        self._squares += squares.astype(np.float64)

    def moments(self) -> np.ndarray:
        """Mean and deviation over images, views and positions: float32 (2, channels)."""
        n = self.vectors.shape[0] * self.vectors.shape[1]
        mean = self.vectors.mean(axis=(0, 1), dtype=np.float64)
        variance = np.maximum(self._squares / n - mean**2, 0)
        return np.stack([mean, np.sqrt(variance)]).astype(np.float32)

    def write(self, folder: Path, split: str) -> None:
        """Writes the vectors beside the split's maps, and of train the moments, too."""
        np.save(pooled_file(folder, split), self.vectors)
        if split == "train":
            np.save(folder / MOMENTS_FILE, self.moments())
