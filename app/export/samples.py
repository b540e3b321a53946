"""Sample images on which an exported model is compared, or by which it is quantised."""

import dataclasses
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np

from common import cli
from common.errors import StageError
from common.images import ImageError, decode_png, prepare
from common.tables.dataset import Dataset
from networks.classifier import Classifier

BATCH = 32
FEW = 20  # images in test, below which train is used instead
CALIBRATION = 300  # images of train, to measure the range of activations


@dataclasses.dataclass(frozen=True)
class Samples:
    """Images as the model takes them, read as a stream, as often as needed.

    Attributes:
        source: in words.
        n: number of images, at most; for a folder, files that are not images count, too.
        label: int64 (n,), index into the model's classes; None if unknown.
        read: opens the stream: uint8 (height, width, 3), RGB.
    """

    source: str
    n: int
    label: np.ndarray | None
    read: Callable[[], Iterator[np.ndarray]]

    def batches(self) -> Iterator[np.ndarray]:
        """Yields float32 (batch, height, width, 3) in [0, 255].

        The first batch is a single image, the last is whatever remains: an export with a fixed
        batch size fails.
        """
        images, size = self.read(), 1
        while batch := list(islice(images, size)):
            yield np.stack(batch).astype(np.float32)
            size = BATCH


def spread(n: int, count: int | None) -> np.ndarray:
    """`count` numbers evenly spaced from 0 to n - 1, both included; all of them for None."""
    if count is None or count >= n:
        return np.arange(n)
    return np.unique(np.linspace(0, n - 1, count).round().astype(np.int64))


def dataset_samples(folder: Path, classifier: Classifier, count: int | None) -> Samples:
    """Images of test; of train, where test has fewer than FEW.

    Args:
        folder: data/dataset.
        classifier: to be exported.
        count: number of images, evenly spread; None: all.
    """
    split, name = open_split(folder, "test", classifier), "test"
    if split.n < FEW:
        split, name = open_split(folder, "train", classifier), "train"
    return _of_rows(split, spread(split.n, count), name)


def calibration_samples(folder: Path, classifier: Classifier) -> Samples:
    """At most CALIBRATION images of train, the same number of each class, evenly spread."""
    split = open_split(folder, "train", classifier)
    share = max(1, CALIBRATION // len(split.class_names))
    classes = (np.flatnonzero(split.label == label) for label in range(len(split.class_names)))
    rows = np.sort(np.concatenate([rows[spread(len(rows), share)] for rows in classes]))
    return _of_rows(split, rows, "train")


def folder_samples(folder: Path, classifier: Classifier, count: int | None) -> Samples:
    """Images in a folder and its subfolders, prepared as in the pipeline.

    Args:
        folder: to search; files that are not images are skipped.
        classifier: whose preprocessing applies.
        count: number of files, evenly spread over the sorted list; None: all.

    Raises:
        StageError: none of the files is an image.
    """
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    files = [paths[row] for row in spread(len(paths), count)]
    # "pictures" stands in export.json, whose texts are kept.
    samples = Samples(
        f"pictures in {folder}", len(files), None, partial(_read_files, files, classifier)
    )
    if next(samples.read(), None) is None:
        received = f"{len(files)} files, none of them an image" if files else "no files"
        raise StageError(f"Expected images in {folder}. Received: {received}. Name another folder.")
    return samples


def open_split(folder: Path, name: str, classifier: Classifier) -> Dataset:
    """A split of data/dataset with the model's classes and image size.

    Raises:
        StageError: it has others, or does not exist.
    """
    if not folder.is_dir():
        raise StageError(
            f"Expected real images in {folder}, to check the export on. Received: no such "
            "folder. Get it with `dvc checkout` or `dvc repro split`, name it with --dataset, or "
            "name a folder of any images with --check-folder."
        )
    split = Dataset(folder / name)
    if split.class_names != classifier.class_names:
        raise StageError(
            f"Expected {folder} to have the model's classes {classifier.class_names}. Received: "
            f"{split.class_names}. Name the dataset that the model was trained on with --dataset."
        )
    size, expected = split.preprocessing.image_size, classifier.preprocessing.image_size
    if size != expected:
        raise StageError(
            f"Expected images of the model's size {expected} (height, width) in {folder}. "
            f"Received: {size}. Train the model on them, or get its own dataset with "
            "`dvc checkout`."
        )
    return split


def _of_rows(split: Dataset, rows: np.ndarray, name: str) -> Samples:
    return Samples(name, len(rows), split.label[rows], partial(_read_rows, split, rows))


def _read_rows(split: Dataset, rows: np.ndarray) -> Iterator[np.ndarray]:
    def encoded():
        wanted, start = np.isin(np.arange(split.n), rows), 0
        for batch in split.png_batches(BATCH):
            for row in np.flatnonzero(wanted[start : start + len(batch)]):
                yield batch[row]
            start += len(batch)

    return cli.parallel_map(decode_png, encoded())


def _read_files(files: list[Path], model: Classifier) -> Iterator[np.ndarray]:
    def read(path: Path) -> np.ndarray | None:
        try:
            data = path.read_bytes()
            return prepare(data, model.preprocessing).pixels
        except (ImageError, OSError):
            return None

    return (pixels for pixels in cli.parallel_map(read, files) if pixels is not None)
