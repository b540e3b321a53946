"""Maps of a frozen backbone, as the stage extract keeps them, and their means over positions."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from common.errors import StageError
from common.tables.dataset import Dataset
from common.values import as_list

# Mean and deviation of each channel of the pooled maps of train, all views: float32 (2, channels).
MOMENTS_FILE = "moments.npy"


def caches_maps(trainable: str | int, weights: str | list[str]) -> bool:
    """Whether the maps of the backbone as it starts are used, by `model.trainable` and `.weights`.

    Always where it stays frozen, and for the warm-up of the head where pretrained weights are
    tuned. What starts from random weights and is trained itself has no use for them.
    """
    return trainable == "none" or pretrained(weights)


def pretrained(weights: str | list[str]) -> bool:
    """Whether no weight of the backbones starts from a random number, by `model.weights`."""
    return "none" not in as_list(weights)


def read_maps(path: Path, dataset: Dataset) -> np.ndarray:
    """Opens maps written by the stage extract, memory-mapped, float16 (n, views, h, w, channels).

    Raises:
        StageError: they do not belong to `dataset`.
    """
    return _read(path, dataset, "views, height, width, channels")


def pooled_file(maps: Path) -> Path:
    """Where the means over positions of these maps lie: beside the maps' own file."""
    return maps.with_stem(f"{maps.stem}_pooled")


def read_pooled(maps: Path, dataset: Dataset) -> np.ndarray:
    """The means over positions of maps, memory-mapped: float32 (n, views, channels).

    Args:
        maps: file of the maps.
        dataset: the split that they are of.

    Raises:
        StageError: they do not belong to `dataset`.
    """
    return _read(pooled_file(maps), dataset, "views, channels")


def read_moments(folder: Path) -> np.ndarray:
    """Mean and deviation of each channel of the pooled maps of train: float32 (2, channels)."""
    return _load(folder / MOMENTS_FILE)


def cached_maps(maps: np.ndarray) -> Callable[[list[int]], np.ndarray]:
    """A function from rows to the maps of their plain view: float32 (len(rows), h, w, c)."""
    return lambda rows: maps[rows, 0].astype(np.float32)


def _read(path: Path, dataset: Dataset, axes: str) -> np.ndarray:
    """Opens an array whose first axis is the images and whose others are `axes`."""
    array = _load(path)
    if array.ndim != 1 + len(axes.split(", ")) or len(array) != dataset.n:
        raise StageError(
            f"Expected {path} to hold ({dataset.n}, {axes}). Received: {array.shape}. Rebuild it "
            "with `dvc repro extract`."
        )
    return array


def _load(path: Path) -> np.ndarray:
    try:
        return np.load(path, mmap_mode="r")
    except (OSError, ValueError) as error:
        raise StageError(f"Expected feature maps in {path}. Received: {error}") from None
