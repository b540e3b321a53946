"""Batches of cached maps, for the training of a head."""

import keras
import numpy as np

from common.tables.dataset import Dataset
from common.tables.sampling import Sampling


class MapBatches(keras.utils.PyDataset):
    """Batches of maps, one-hot labels and weights for `fit`, shuffled anew every epoch.

    The k-th occurrence of a row uses view k in the first epoch and the next view in each epoch
    after (modulo the number of views), so that repeats differ within an epoch and every view is
    used in the end.
    """

    def __init__(
        self,
        maps: np.ndarray,
        label: np.ndarray,
        n_classes: int,
        sampling: Sampling,
        batch_size: int,
        seed: int,
        mixtures: tuple[np.ndarray, np.ndarray] | None = None,
    ):
        """Args:
        maps: float16 (n, views, height, width, channels), may be memory-mapped.
        label: int (n,).
        n_classes: width of the one-hot labels.
        sampling: the rows of an epoch; `Sampling.plain` for each row once.
        batch_size: samples per batch; the last one may be smaller.
        seed: of the shuffles.
        mixtures: as `smote.find_mixtures` returns them; None: every sample is a row's own maps.
        """
        super().__init__(workers=1)
        self.maps, self.sampling, self.mixtures = maps, sampling, mixtures
        self.one_hot = np.eye(n_classes, dtype=np.float32)[label]
        self.batch_size, self.seed = batch_size, seed
        self.epoch = -1  # Keras begins the first epoch too
        self.order = np.arange(len(sampling.rows))

    def __len__(self) -> int:
        return -(-len(self.order) // self.batch_size)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        chosen = self.order[index * self.batch_size : (index + 1) * self.batch_size]
        rows, occurrences, weights = (column[chosen] for column in self.sampling)
        views = (occurrences + self.epoch) % self.maps.shape[1]
        maps = self.maps[rows, views].astype(np.float32)
        if self.mixtures is not None:
            partners, shares = (column[chosen] for column in self.mixtures)
            mixed = np.flatnonzero(shares)
            others = self.maps[partners[mixed], views[mixed]]
            maps[mixed] += shares[mixed, None, None, None] * (others - maps[mixed])
        return maps, self.one_hot[rows], weights

    def on_epoch_begin(self) -> None:
        """Moves on to the next views and the next order.

        Not `on_epoch_end`: Keras calls that before the first epoch too.
        """
        self.epoch += 1
        order = np.random.default_rng([self.seed, self.epoch])
        self.order = order.permutation(len(self.order))


def map_batches(
    maps: dict[str, np.ndarray],
    splits: dict[str, Dataset],
    sampling: dict[str, Sampling],
    batch_size: int,
    seed: int,
    mixtures: dict[str, tuple[np.ndarray, np.ndarray]],
) -> dict[str, MapBatches]:
    """Batches of cached maps of each split; `mixtures` need not have all of them."""
    return {
        name: MapBatches(
            maps[name],
            split.label,
            len(split.class_names),
            sampling[name],
            batch_size,
            seed,
            mixtures.get(name),
        )
        for name, split in splits.items()
    }
