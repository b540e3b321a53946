"""Real images on which an exported model is compared with the one that it was made of."""

import dataclasses
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np

from common import cli
from common.errors import StageError
from common.images import ImageError, decode_png, load_pixels
from common.tables import Dataset
from networks.classifier import Classifier

BATCH = 32
FEW = 20  # images of test, below which those of train are looked at instead
CALIBRATION = 300  # images of train, to see the range of activations


@dataclasses.dataclass(frozen=True)
class Images:
    """Images as the model sees them, read as a stream, as often as wanted.

    Attributes:
        source: where they come from, in words.
        n: how many at most; of a folder, files that are no images are among them.
        label: int64 (n,), index into the model's classes; None where nobody knows.
        read: opens the stream: uint8 (height, width, 3), RGB.
    """

    source: str
    n: int
    label: np.ndarray | None
    read: Callable[[], Iterator[np.ndarray]]

    def batches(self) -> Iterator[np.ndarray]:
        """Yields float32 (batch, height, width, 3) in [0, 255].

        The first batch is a single image, the last what is left over: an export that takes
        batches of one size only does not get through.
        """
        rest, size = self.read(), 1
        while chunk := list(islice(rest, size)):
            yield np.stack(chunk).astype(np.float32)
            size = BATCH


def spread(n: int, count: int | None) -> np.ndarray:
    """`count` of the numbers 0 to n - 1, the first and the last among them, evenly apart."""
    if count is None or count >= n:
        return np.arange(n)
    return np.unique(np.linspace(0, n - 1, count).round().astype(np.int64))


def dataset_images(folder: Path, classifier: Classifier, count: int | None) -> Images:
    """Images of test; of train, where test has fewer than FEW.

    Args:
        folder: data/dataset.
        classifier: to be asked.
        count: of images, evenly spread; None: all.
    """
    split, name = open_split(folder, "test", classifier), "test"
    if split.n < FEW:
        split, name = open_split(folder, "train", classifier), "train"
    return _of_rows(split, spread(split.n, count), name)


def calibration_images(folder: Path, classifier: Classifier) -> Images:
    """At most CALIBRATION images of train, as many of each class as there are, evenly spread."""
    split = open_split(folder, "train", classifier)
    share = max(1, CALIBRATION // len(split.class_names))
    each = (np.flatnonzero(split.label == label) for label in range(len(split.class_names)))
    rows = np.sort(np.concatenate([rows[spread(len(rows), share)] for rows in each]))
    return _of_rows(split, rows, "train")


def folder_images(folder: Path, classifier: Classifier, count: int | None) -> Images:
    """Files of a folder and of those below it, brought to the model's size as in the pipeline.

    Args:
        folder: to look through; what is no image is passed over.
        classifier: whose size and resize to use.
        count: of files, evenly spread over the sorted list; None: all.

    Raises:
        StageError: none of the files is an image.
    """
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    files = [found[row] for row in spread(len(found), count)]
    images = Images(
        f"pictures in {folder}", len(files), None, partial(_read_files, files, classifier)
    )
    if next(images.read(), None) is None:
        received = f"{len(files)} files that are none" if files else "no files"
        raise StageError(
            f"Expected pictures in {folder}. Received: {received}. Name another folder."
        )
    return images


def open_split(folder: Path, name: str, classifier: Classifier) -> Dataset:
    """A split of data/dataset, after making sure that it is of the model's classes and size.

    Raises:
        StageError: it is not, or there is none.
    """
    if not folder.is_dir():
        raise StageError(
            f"Expected real pictures in {folder}, to check the export on. Received: no such "
            "folder. Get it with `dvc checkout` or `dvc repro split`, name it with --dataset, or "
            "name a folder of any pictures with --check-folder."
        )
    split = Dataset(folder / name)
    if split.class_names != classifier.class_names:
        raise StageError(
            f"Expected {folder} to have the model's classes {classifier.class_names}. Received: "
            f"{split.class_names}. Name the dataset that the model was trained on with --dataset."
        )
    size = decode_png(split.png_at([0])[0]).shape[:2] if split.n else classifier.image_size
    if size != classifier.image_size:
        raise StageError(
            f"Expected pictures of the model's size {classifier.image_size} (height, width) in "
            f"{folder}. Received: {size}. Train the model on them, or get the dataset that "
            "belongs to it with `dvc checkout`."
        )
    return split


def _of_rows(split: Dataset, rows: np.ndarray, name: str) -> Images:
    return Images(name, len(rows), split.label[rows], partial(_read_rows, split, rows))


def _read_rows(split: Dataset, rows: np.ndarray) -> Iterator[np.ndarray]:
    def encoded():
        wanted, start = np.isin(np.arange(split.n), rows), 0
        for batch in split.png_batches(BATCH):
            for row in np.flatnonzero(wanted[start : start + len(batch)]):
                yield batch[row]
            start += len(batch)

    return cli.parallel_map(decode_png, encoded())


def _read_files(files: list[Path], model: Classifier) -> Iterator[np.ndarray]:
    def pixels(path: Path) -> np.ndarray | None:
        try:
            data = path.read_bytes()
            return np.asarray(load_pixels(data, model.image_size, model.resize, model.max_pixels))
        except (ImageError, OSError):
            return None

    return (each for each in cli.parallel_map(pixels, files) if each is not None)
