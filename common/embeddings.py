"""Embeddings: one vector per image, the mean over positions of its maps."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from common.errors import StageError
from common.files import atomic_file
from common.tables.dataset import Dataset


def write_embeddings(path: Path, parts: Iterable[np.ndarray], n: int) -> None:
    """Streams vectors into a .npy file, float32 (n, channels).

    Args:
        path: the file.
        parts: float (m, channels) each, n rows together, in the order of the dataset.
        n: number of images, at least one.
    """
    start = 0
    with atomic_file(path) as temporary:
        array = None
        for part in parts:
            if array is None:
                shape = (n, part.shape[1])
                array = np.lib.format.open_memmap(temporary, "w+", np.float32, shape)
            array[start : start + len(part)] = part
            start += len(part)
        if start != n:
            raise AssertionError(f"{start} images embedded of {n}")
        array.flush()
        del array


def read_embeddings(path: Path, dataset: Dataset) -> np.ndarray:
    """Opens what `write_embeddings` wrote, memory-mapped, float32 (n, channels).

    Raises:
        StageError: it does not belong to `dataset`.
    """
    try:
        array = np.load(path, mmap_mode="r")
    except (OSError, ValueError) as error:
        raise StageError(f"Expected embeddings in {path}. Received: {error}") from None
    if array.ndim != 2 or len(array) != dataset.n:
        raise StageError(
            f"Expected {path} to hold ({dataset.n}, channels). Received: {array.shape}. Rebuild "
            "it with `dvc repro predict`."
        )
    return array
