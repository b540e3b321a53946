"""Batches of cached maps, for the training of a head."""

import os
from typing import NamedTuple

import keras
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
    used in the end. Maps come in the type that they are stored in. Where they take less than
    RESIDENT_SHARE of the memory, TensorFlow gathers them there; else they are read from their file.

    Attributes:
        dataset: what Keras's `fit` takes; every iteration is the epoch that `begin_epoch` began.
        steps_at_once: steps that `fit` makes in one call of TensorFlow.
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
        self.sampling, self.mixtures, self.seed = sampling, mixtures, seed
        self._views, self._length = maps.shape[1], -(-len(sampling.rows) // batch_size)
        one_hot = np.eye(n_classes, dtype=np.float32)[label]
        if resident is None:
            resident = maps.nbytes < RESIDENT_SHARE * memory()
        kind = _InMemory if resident else _InFile
        self._batches = kind(maps, one_hot, self._samples(0), batch_size, mixtures is not None)
        self.dataset = self._batches.dataset
        self.steps_at_once = len(self) if resident else 1

    def __len__(self) -> int:
        return self._length

    def begin_epoch(self, epoch: int) -> None:
        """Chooses views and order of an epoch, counted from 0."""
        self._batches.assign(self._samples(epoch))

    def _samples(self, epoch: int) -> "Samples":
        order = np.random.default_rng([self.seed, epoch]).permutation(len(self.sampling.rows))
        rows, occurrences, weights = (column[order] for column in self.sampling)
        partners, shares = rows, np.zeros(len(rows), np.float32)
        if self.mixtures is not None:
            partners, shares = (column[order] for column in self.mixtures)
        return Samples(rows, (occurrences + epoch) % self._views, weights, partners, shares)


class Samples(NamedTuple):
    """Columns of the samples of an epoch, in its order.

    Attributes:
        rows: int (n_samples,), of the maps.
        views: int, likewise.
        weights: float32, of the loss.
        partners: int, rows to mix with.
        shares: float32, of the partners, 0 for none.
    """

    rows: np.ndarray
    views: np.ndarray
    weights: np.ndarray
    partners: np.ndarray
    shares: np.ndarray


class _InMemory:
    """Batches that TensorFlow gathers without Python, from maps in memory."""

    def __init__(self, maps, one_hot, samples: Samples, batch_size: int, mixes: bool):
        with tf.device("CPU"):  # a GPU's memory is for training
            held, labels = tf.constant(maps), tf.constant(one_hot)
            self._columns = [tf.Variable(column, trainable=False) for column in samples]
        n = len(samples.rows)

        def batch_at(index):
            chosen = slice(index * batch_size, tf.minimum((index + 1) * batch_size, n))
            rows, views, weights, partners, shares = (column[chosen] for column in self._columns)
            batch = tf.gather_nd(held, tf.stack([rows, views], axis=1))
            if mixes:
                batch = tf.cast(batch, tf.float32)
                others = tf.gather_nd(held, tf.stack([partners, views], axis=1))
                shares = shares[:, None, None, None]
                batch += shares * (tf.cast(others, tf.float32) - batch)
            return batch, tf.gather(labels, rows), weights

        steps = tf.data.Dataset.range(-(-n // batch_size))
        self.dataset = steps.map(batch_at).prefetch(AHEAD)

    def assign(self, samples: Samples) -> None:
        for column, values in zip(self._columns, samples, strict=True):
            column.assign(values)


class _InFile(keras.utils.PyDataset):
    """Batches that are read from a file as they are needed."""

    def __init__(self, maps, one_hot, samples: Samples, batch_size: int, mixes: bool):
        super().__init__(workers=1)
        self.maps, self.one_hot, self.samples = maps, one_hot, samples
        self.batch_size, self.mixes = batch_size, mixes

    def __len__(self) -> int:
        return -(-len(self.samples.rows) // self.batch_size)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        chosen = slice(index * self.batch_size, (index + 1) * self.batch_size)
        rows, views, weights, partners, shares = (column[chosen] for column in self.samples)
        batch = self.maps[rows, views]
        if self.mixes:
            batch = batch.astype(np.float32)
            others = self.maps[partners, views].astype(np.float32)
            batch += shares[:, None, None, None] * (others - batch)
        return batch, self.one_hot[rows], weights

    @property
    def dataset(self) -> "_InFile":
        return self

    def assign(self, samples: Samples) -> None:
        self.samples = samples


def memory() -> int:
    """Bytes of memory of the machine."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


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
