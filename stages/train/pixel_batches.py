"""Batches of decoded images, for the tuning of a backbone."""

import mmap
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from common.images import decode_png
from common.tables.dataset import Dataset
from common.tables.sampling import Sampling
from networks.augment import Augmenter
from stages.train.passes import streamed
from stages.train.steps import Step


class PackedImages:
    """The encoded images of a split in one file, to be read in any order.

    Parquet gives whole row groups: a shuffled batch of 32 would read most of the dataset. The
    file has no name and is gone with this object, or when the process ends, however it ends.
    """

    def __init__(self, dataset: Dataset, folder: Path, batch: int = 256):
        """Copies the images.

        Args:
            dataset: the split.
            folder: on whose disk the copy is made; not a folder in memory. Made if need be.
            batch: images copied at a time.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 lives as long as this
        lengths = []
        for encoded in dataset.png_batches(batch):
            for data in encoded:
                self._file.write(data)
                lengths.append(len(data))
        self._file.flush()
        self._ends = np.cumsum(lengths)
        self._bytes = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)

    def __getitem__(self, row: int) -> bytes:
        """The encoded image of a row of the dataset."""
        return self._bytes[self._ends[row - 1] if row else 0 : self._ends[row]]


class PixelBatches:
    """Batches of pixels, one-hot labels and weights for `fit`, shuffled anew every epoch.

    A batch is decoded, and augmented, by several threads while the one before is in use. Every
    sample of every epoch is another view: none is ever the plain image.
    """

    def __init__(
        self,
        images: PackedImages,
        label: np.ndarray,
        n_classes: int,
        sampling: Sampling,
        batch_size: int,
        seed: int,
        image_id: np.ndarray,
        augmenter: Augmenter | None = None,
    ):
        """Args:
        images: of the split.
        label: int (n,).
        n_classes: width of the one-hot labels.
        sampling: the rows of an epoch; repeats are told apart by the augmentation at each step.
        batch_size: samples per batch; the last one may be smaller.
        seed: of the shuffles.
        image_id: str (n,), from which views are drawn.
        augmenter: None: the images as they are.
        """
        self.image_id, self.augmenter = image_id, augmenter
        self._repeats = int(sampling.occurrences.max(initial=0)) + 1
        self.images, self.sampling = images, sampling
        self.one_hot = np.eye(n_classes, dtype=np.float32)[label]
        self.batch_size, self.seed = batch_size, seed
        self.order = np.arange(len(sampling.rows))
        self.begin_epoch(0)

    def __len__(self) -> int:
        return -(-len(self.order) // self.batch_size)

    def passes(self, step: Step) -> Callable[[], None]:
        """A function that makes a step with each batch of the epoch that was begun last.

        Batches are uint8 `(batch, height, width, 3)`, float32 `(batch, n_classes)` and `(batch,)`.
        """
        return streamed(self._batch, len(self))(step)

    def begin_epoch(self, epoch: int) -> None:
        """Chooses the order of an epoch, counted from 0."""
        self.epoch = epoch
        order = np.random.default_rng([self.seed, epoch])
        self.order = order.permutation(len(self.order))

    def _batch(self, index: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        chosen = self.order[index * self.batch_size : (index + 1) * self.batch_size]
        rows, occurrences, weights = (column[chosen] for column in self.sampling)
        images = [decode_png(self.images[row]) for row in rows]
        if self.augmenter is not None:
            numbers = self.epoch * self._repeats + occurrences + 1
            images = [
                self.augmenter.view(image, self.image_id[row], int(number))
                for image, row, number in zip(images, rows, numbers, strict=True)
            ]
        return np.stack(images), self.one_hot[rows], weights


def pixel_batches(
    splits: dict[str, Dataset],
    sampling: dict[str, Sampling],
    batch_size: int,
    seed: int,
    folder: Path,
    augmenter: Augmenter | None = None,
) -> dict[str, PixelBatches]:
    """Batches of pixels of each split, of train augmented.

    Copies of the images lie on the disk of `folder`.
    """
    return {
        name: PixelBatches(
            PackedImages(split, folder),
            split.label,
            len(split.class_names),
            sampling[name],
            batch_size,
            seed,
            split.image_id,
            augmenter if name == "train" else None,
        )
        for name, split in splits.items()
    }
