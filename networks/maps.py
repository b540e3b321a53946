"""Maps of a frozen backbone: computed once per image and view, kept on disk, read by batch."""

from collections.abc import Callable, Iterator
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from common import cli
from common.errors import StageError
from common.files import atomic_file
from common.tables.dataset import Dataset
from common.tables.sampling import Sampling
from common.values import as_list
from networks.forward import batch_of, inference, traced
from networks.pixels import decode_batch

FLOAT16_MAX = 65504.0


def caches_maps(trainable: str | int, weights: str | list[str]) -> bool:
    """Whether the maps of the backbone as it starts are used, by `model.trainable` and `.weights`.

    Always where it stays frozen, and for the warm-up of the head where pretrained weights are
    tuned. What starts from random weights and is trained itself has no use for them.
    """
    return trainable == "none" or pretrained(weights)


def pretrained(weights: str | list[str]) -> bool:
    """Whether no weight of the backbones starts from a random number, by `model.weights`."""
    return "none" not in as_list(weights)


def write_maps(
    path: Path,
    backbone: keras.Model,
    dataset: Dataset,
    augmenter: keras.Model | None,
    views: int,
    batch_size: int,
) -> tuple[int, ...]:
    """Runs every image of a split through the backbone, `views` times.

    Args:
        path: the .npy file, float16 `(n, views, height, width, channels)`, row by row as in
            `dataset`; written as a stream.
        backbone: pixels in, maps out.
        dataset: the split.
        augmenter: makes views 1 and up; view 0 is the image as it is.
        views: at least 1.
        batch_size: images per step.

    Returns:
        The array's shape.

    Raises:
        StageError: maps that float16 cannot hold.
    """

    def halved(pixels):
        maps = backbone(pixels, training=False)
        return tf.cast(maps, tf.float16), tf.reduce_max(tf.abs(maps))

    forward = traced(halved, batch_of(backbone))
    shape = (dataset.n, views, *backbone.output_shape[1:])
    start = 0
    with atomic_file(path) as temporary:
        array = np.lib.format.open_memmap(temporary, "w+", np.float16, shape)
        with cli.progress(None, f"features {path.stem}", dataset.n) as bar:
            batches = cli.parallel_map(decode_batch, dataset.png_batches(batch_size))
            for pixels in batches:
                stop = start + len(pixels)
                for view in range(views):
                    inputs = augmenter(pixels, training=True) if view else pixels
                    maps, largest = forward(inputs)
                    if not float(largest) <= FLOAT16_MAX:
                        raise StageError(
                            f"Expected maps of {backbone.name} within ±{FLOAT16_MAX:g}, what "
                            f"float16 holds. Received: {float(largest):g} (rows {start} to "
                            f"{stop - 1} of {path.stem}). Choose another model.layer or "
                            "model.weights."
                        )
                    array[start:stop, view] = maps.numpy()
                bar.update(stop - start)
                start = stop
        if start != dataset.n:
            raise AssertionError(f"{start} images written of {dataset.n}")
        array.flush()
        del array
    return shape


def read_maps(path: Path, dataset: Dataset) -> np.ndarray:
    """Opens maps written by `write_maps`, memory-mapped, float16 (n, views, h, w, channels).

    Raises:
        StageError: they do not belong to `dataset`.
    """
    try:
        array = np.load(path, mmap_mode="r")
    except (OSError, ValueError) as error:
        raise StageError(f"Expected feature maps in {path}. Received: {error}") from None
    if array.ndim != 5 or len(array) != dataset.n:
        raise StageError(
            f"Expected {path} to hold ({dataset.n}, views, height, width, channels). Received: "
            f"{array.shape}. Rebuild it with `dvc repro extract`."
        )
    return array


def cached_maps(maps: np.ndarray) -> Callable[[list[int]], np.ndarray]:
    """A function from rows to the maps of their plain view: float32 (len(rows), h, w, c)."""
    return lambda rows: maps[rows, 0].astype(np.float32)


def pool_maps(maps: np.ndarray, batch_size: int) -> Iterator[np.ndarray]:
    """Yields the mean over positions of every row's plain view: float32 (m, channels) each."""
    for start in range(0, len(maps), batch_size):
        yield maps[start : start + batch_size, 0].mean(axis=(1, 2), dtype=np.float32)


def predict(head: keras.Model, maps: np.ndarray, batch_size: int) -> np.ndarray:
    """Probabilities of every row's plain view, float32 (n, n_classes)."""
    forward = inference(head)
    steps = range(0, len(maps), batch_size)
    parts = [forward(maps[i : i + batch_size, 0].astype(np.float32)) for i in steps]
    return np.concatenate(parts)


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
