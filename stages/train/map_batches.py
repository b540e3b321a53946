"""Batches of cached maps, for the training of a head."""

import os

import numpy as np
import tensorflow as tf

from common.tables.dataset import Dataset
from common.tables.sampling import Sampling

RESIDENT_SHARE = 0.25  # of the machine's memory that maps may take to be held in it
AHEAD = 2  # batches gathered while one is in use


class MapBatches:
    """Batches of maps, one-hot labels and weights for `fit`, shuffled anew every epoch.

    The k-th occurrence of a row uses view k in the first epoch and the next view in each epoch
    after (modulo the number of views), so that repeats differ within an epoch and every view is
    used in the end. TensorFlow gathers the maps, in the type that they are stored in: from memory
    where they take less than RESIDENT_SHARE of it, else from their file.

    Attributes:
        dataset: a `tf.data.Dataset` whose every iteration is the epoch that `begin_epoch` began.
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
        resident: bool | None = None,
    ):
        """Args:
        maps: float (n, views, height, width, channels), may be memory-mapped.
        label: int (n,).
        n_classes: width of the one-hot labels.
        sampling: the rows of an epoch; `Sampling.plain` for each row once.
        batch_size: samples per batch; the last one may be smaller.
        seed: of the shuffles.
        mixtures: as `smote.find_mixtures` returns them; None: every sample is a row's own maps.
        resident: whether maps are held in memory; None: where they fit.
        """
        self.views, self.sampling, self.seed = maps.shape[1], sampling, seed
        self.mixtures = mixtures
        self.batch_size, self.epoch = batch_size, 0
        if resident is None:
            resident = maps.nbytes < RESIDENT_SHARE * memory()
        self._label = label
        self.dataset = self._build_dataset(maps, n_classes, resident)

    def __len__(self) -> int:
        return -(-len(self.sampling.rows) // self.batch_size)

    @property
    def steps_at_once(self) -> int:
        """Steps that `fit` makes in one call of TensorFlow: the whole epoch."""
        return len(self)

    def begin_epoch(self, epoch: int) -> None:
        """Chooses views and order of an epoch, counted from 0."""
        self.epoch = epoch

    def _samples(self):
        """The samples of the epoch in its order, as one element; see `signature` below."""
        order = np.random.default_rng([self.seed, self.epoch])
        order = order.permutation(len(self.sampling.rows))
        rows, occurrences, weights = (column[order] for column in self.sampling)
        views = (occurrences + self.epoch) % self.views
        if self.mixtures is None:
            partners, shares = rows, np.zeros(len(rows), np.float32)
        else:
            partners, shares = (column[order] for column in self.mixtures)
        yield rows, views, self._label[rows], weights, partners, shares

    def _build_dataset(self, maps: np.ndarray, n_classes: int, resident: bool) -> tf.data.Dataset:
        gather = _from_memory(maps) if resident else _from_file(maps)
        dtypes = (tf.int64, tf.int64, tf.int64, tf.float32, tf.int64, tf.float32)
        signature = tuple(tf.TensorSpec((None,), dtype) for dtype in dtypes)

        def batch_of(rows, views, label, weights, partners, shares):
            chosen = gather(rows, views)
            if self.mixtures is not None:
                chosen = tf.cast(chosen, tf.float32)
                others = tf.cast(gather(partners, views), tf.float32)
                chosen += shares[:, None, None, None] * (others - chosen)
            return chosen, tf.one_hot(label, n_classes), weights

        samples = tf.data.Dataset.from_generator(self._samples, output_signature=signature)
        samples = samples.flat_map(lambda *columns: tf.data.Dataset.from_tensor_slices(columns))
        batches = samples.batch(self.batch_size).map(batch_of).prefetch(AHEAD)
        return batches.apply(tf.data.experimental.assert_cardinality(len(self)))


def memory() -> int:
    """Bytes of memory of the machine."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _from_memory(maps: np.ndarray):
    with tf.device("CPU"):
        held = tf.constant(maps)
    return lambda rows, views: tf.gather_nd(held, tf.stack([rows, views], axis=1))


def _from_file(maps: np.ndarray):
    def gather(rows, views):
        chosen = tf.numpy_function(lambda r, v: maps[r, v], [rows, views], maps.dtype)
        return tf.ensure_shape(chosen, (None, *maps.shape[2:]))

    return gather


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
