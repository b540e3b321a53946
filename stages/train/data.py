"""Data of a training: splits, the rows of an epoch, and batches of cached maps."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np

from common.errors import StageError
from common.tables.dataset import Dataset
from common.tables.sampling import Sampling, read_sampling
from networks.maps import cached_maps, read_maps
from networks.pixels import fresh_maps
from stages.train.map_batches import MapBatches, map_batches
from stages.train.smote import find_mixtures

SPLITS = ("train", "val")  # never test


class TrainingData(NamedTuple):
    """What a training reads.

    Attributes:
        splits: images and labels of train and val.
        sampling: the rows of an epoch, by split; of val each row once.
        features: folder of the cached maps, NAME.npy for each split.
    """

    splits: dict[str, Dataset]
    sampling: dict[str, Sampling]
    features: Path

    def maps_file(self, split: str) -> Path:
        """File of the cached maps of a split."""
        return self.features / f"{split}.npy"


def open_data(dataset: Path, sampling: Path, features: Path) -> TrainingData:
    """Opens train and val.

    Args:
        dataset: folder of the splits.
        sampling: file of the rows of train.
        features: folder of the maps, which are opened later: not every training reads them.
    """
    splits = {name: Dataset(dataset / name) for name in SPLITS}
    rows = {"train": read_sampling(sampling), "val": Sampling.plain(splits["val"].n)}
    return TrainingData(splits, rows, features)


def read_split_maps(data: TrainingData, map_shape: tuple[int, ...]) -> dict[str, np.ndarray]:
    """Opens the cached maps of each split, memory-mapped, float16 (n, views, h, w, channels).

    Args:
        data: whose maps these are.
        map_shape: (height, width, channels) that the head takes.

    Raises:
        StageError: maps of other images or of another shape.
    """
    maps = {name: _read_maps(data, name) for name in data.splits}
    cached_shape = maps["train"].shape[2:]
    if cached_shape != map_shape:
        raise StageError(
            f"Expected maps of model.backbone, {map_shape}. Received: {cached_shape} in "
            f"{data.features}. Run `dvc repro extract`."
        )
    return maps


def head_batches(
    maps: dict[str, np.ndarray],
    data: TrainingData,
    batch_size: int,
    oversampling: str,
    seed: int,
) -> dict[str, MapBatches]:
    """Batches of cached maps for a head, by split.

    Args:
        maps: from `read_split_maps`.
        data: to which they belong.
        batch_size: samples per step.
        oversampling: the parameter oversample.method; smote mixes the maps of repeated rows.
        seed: of shuffles and mixtures.
    """
    mixtures = {}
    if oversampling == "smote":
        rows, occurrences, _ = data.sampling["train"]
        label = data.splits["train"].label
        mixtures["train"] = find_mixtures(maps["train"], label, rows, occurrences, seed)
    return map_batches(maps, data.splits, data.sampling, batch_size, seed, mixtures)


def val_maps(
    data: TrainingData, backbone: keras.Model, frozen: bool
) -> Callable[[list[int]], np.ndarray]:
    """A function from rows of val to their maps, float32 (len(rows), h, w, c).

    Args:
        data: with val.
        backbone: as it is after training.
        frozen: whether it was not trained, so that the cached maps are its own.
    """
    return (
        cached_maps(_read_maps(data, "val")) if frozen else fresh_maps(backbone, data.splits["val"])
    )


def _read_maps(data: TrainingData, name: str) -> np.ndarray:
    return read_maps(data.maps_file(name), data.splits[name])
