"""Batches of cached maps, for the training of a head."""

import os
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from common.tables.dataset import Dataset
from common.tables.sampling import Sampling
from stages.train.passes import looped, streamed
from stages.train.steps import Batch, Step

RESIDENT_SHARE = 0.25  # of the machine's memory that maps may take to be held in it
BYTES_AT_ONCE = 2**28  # of maps in one call of TensorFlow: about a second


class MapBatches:
    """Batches of maps, one-hot labels and weights for `fit`, shuffled anew every epoch.

    The k-th occurrence of a row uses view k in the first epoch and the next view in each epoch
    after (modulo the number of views), so that repeats differ within an epoch and every view is
    used in the end. Maps come in the type that they are stored in, those that are mixed in
    float32. Where they take less than RESIDENT_SHARE of the memory, TensorFlow gathers them there;
    else they are read from their file.
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
        self._source = kind(maps, one_hot, self._samples(0), batch_size)

    def __len__(self) -> int:
        return self._length

    def begin_epoch(self, epoch: int) -> None:
        """Chooses views and order of an epoch, counted from 0."""
        self._source.assign(self._samples(epoch))

    def passes(self, step: Step) -> Callable[[], None]:
        """A function that makes a step with each batch of the epoch that was begun last."""
        return self._source.passes(len(self))(step)

    def _samples(self, epoch: int) -> "Samples":
        order = np.random.default_rng([self.seed, epoch]).permutation(len(self.sampling.rows))
        rows, occurrences, weights = (column[order] for column in self.sampling)
        views = (occurrences + epoch) % self._views
        return Samples(rows, views, weights, *(column[order] for column in self.mixtures or ()))


class Samples(NamedTuple):
    """Columns of the samples of an epoch, in its order.

    Attributes:
        rows: int (n_samples,), of the maps.
        views: int, likewise.
        weights: float32, of the loss.
        partners: int, rows to mix with; None: nothing is mixed.
        shares: float32, of the partners, 0 for none; None likewise.
    """

    rows: np.ndarray | tf.Tensor
    views: np.ndarray | tf.Tensor
    weights: np.ndarray | tf.Tensor
    partners: np.ndarray | tf.Tensor | None = None
    shares: np.ndarray | tf.Tensor | None = None

    def changed(self, change: Callable) -> "Samples":
        """The columns that there are, each changed."""
        return Samples(*(column if column is None else change(column) for column in self))


class _InMemory:
    """Batches that TensorFlow gathers without Python, from maps in memory."""

    def __init__(self, maps: np.ndarray, one_hot: np.ndarray, samples: Samples, batch_size: int):
        with tf.device("CPU"):  # a GPU's memory is for training
            self._maps, self._one_hot = tf.constant(maps), tf.constant(one_hot)
            self._samples = samples.changed(lambda column: tf.Variable(column, trainable=False))
        self._batch_size, self._n = batch_size, len(samples.rows)
        self._at_once = max(1, BYTES_AT_ONCE // (batch_size * maps[0, 0].nbytes))

    def passes(self, n_steps: int) -> Callable[[Step], Callable[[], None]]:
        return looped(self._batch, n_steps, self._at_once)

    def assign(self, samples: Samples) -> None:
        for column, values in zip(self._samples, samples, strict=True):
            if column is not None:
                column.assign(values)

    def _batch(self, index: tf.Tensor) -> Batch:
        with tf.device("CPU"):
            start = index * self._batch_size
            chosen = slice(start, tf.minimum(start + self._batch_size, self._n))
            rows, views, weights, partners, shares = self._samples.changed(
                lambda column: column[chosen]
            )
            maps = tf.gather_nd(self._maps, tf.stack([rows, views], axis=1))
            if shares is not None:
                maps = tf.cast(maps, tf.float32)
                others = tf.gather_nd(self._maps, tf.stack([partners, views], axis=1))
                maps += shares[:, None, None, None] * (tf.cast(others, tf.float32) - maps)
            return maps, tf.gather(self._one_hot, rows), weights


class _InFile:
    """Batches that are read from a file as they are needed."""

    def __init__(self, maps: np.ndarray, one_hot: np.ndarray, samples: Samples, batch_size: int):
        self._maps, self._one_hot, self._samples = maps, one_hot, samples
        self._batch_size = batch_size

    def passes(self, n_steps: int) -> Callable[[Step], Callable[[], None]]:
        return streamed(self._batch, n_steps)

    def assign(self, samples: Samples) -> None:
        self._samples = samples

    def _batch(self, index: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        chosen = slice(index * self._batch_size, (index + 1) * self._batch_size)
        rows, views, weights, partners, shares = self._samples.changed(
            lambda column: column[chosen]
        )
        maps = self._maps[rows, views]
        if shares is not None:
            maps = maps.astype(np.float32)
            others = self._maps[partners, views].astype(np.float32)
            maps += shares[:, None, None, None] * (others - maps)
        return maps, self._one_hot[rows], weights


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
