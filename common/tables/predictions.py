"""Predictions of a split: one row per image, with the probability of each class."""

from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
import pandas as pd

from common.errors import StageError
from common.tables.dataset import Dataset
from common.tables.storage import read_csv, write_csv

PREDICTION_COLUMNS = ["image_id", "path", "label", "predicted"]  # then p_<class> for each class
# Where a temperature is part of the model: the predictions of test without it.
BEFORE_TEMPERATURE_FILE = "test_before_temperature.csv"


class Predictions(NamedTuple):
    """One split's predictions, in its order.

    Attributes:
        class_names: in the order of the label index.
        image_id: object (n,).
        path: object (n,), relative to data/raw.
        label: int64 (n,), index into class_names.
        probabilities: float64 (n, n_classes), with the six decimals of the file.
    """

    class_names: list[str]
    image_id: np.ndarray
    path: np.ndarray
    label: np.ndarray
    probabilities: np.ndarray

    @property
    def n(self) -> int:
        """Number of images."""
        return len(self.label)


def write_predictions(
    path: Path,
    dataset: Dataset | Predictions,
    probabilities: np.ndarray,
) -> None:
    """Writes one row per image of `dataset`, in its order.

    Args:
        path: the CSV.
        dataset: the split that was predicted.
        probabilities: float (n, n_classes), rows sum to 1.
    """
    names = dataset.class_names
    if probabilities.shape != (dataset.n, len(names)):
        raise ValueError(
            f"Expected probabilities of shape {(dataset.n, len(names))}. "
            f"Received: {probabilities.shape}"
        )
    columns = {
        "image_id": dataset.image_id,
        "path": dataset.path,
        "label": np.array(names, dtype=object)[dataset.label],
        "predicted": np.array(names, dtype=object)[probabilities.argmax(axis=1)],
    }
    columns |= {f"p_{name}": probabilities[:, i].astype(float) for i, name in enumerate(names)}
    write_csv(path, pd.DataFrame(columns), float_format="%.6f")


def read_predictions(path: Path, class_names: list[str]) -> pd.DataFrame:
    """Reads the predictions of one split, with one `p_<class>` column per class name."""
    frame = read_csv(path, PREDICTION_COLUMNS + [f"p_{name}" for name in class_names])
    return frame.astype({f"p_{name}": float for name in class_names})


def parse_predictions(source: Path | BinaryIO, name: str) -> Predictions:
    """Reads the predictions of one split, with the classes that the file itself names.

    Args:
        source: a table of `write_predictions`, as a path or opened.
        name: of the file, for messages.

    Raises:
        StageError: it is no such table.
    """
    try:
        frame = read_csv(source, PREDICTION_COLUMNS, name)
        columns = [column for column in frame.columns if column not in PREDICTION_COLUMNS]
        class_names = [column.removeprefix("p_") for column in columns]
        probabilities = frame[columns].to_numpy(float)
        label = frame["label"].map({name: i for i, name in enumerate(class_names)})
        if frame.empty or label.isna().any():
            raise ValueError(f"labels {sorted(set(frame['label']))} of classes {class_names}")
    except ValueError as error:  # of our own, of pandas for what is no CSV, of float()
        raise StageError(
            f"Expected predictions in {name}: images, their labels, and the probability of each "
            f"class. Received: {error}"
        ) from None
    return Predictions(
        class_names=class_names,
        image_id=frame["image_id"].to_numpy(object),
        path=frame["path"].to_numpy(object),
        label=label.to_numpy(np.int64),
        probabilities=probabilities,
    )


def read_checked_predictions(path: Path, split: Dataset) -> Predictions:
    """Reads the predictions of a split, and checks that each of its images is there once.

    Raises:
        StageError: they are of other images.
    """
    predictions = parse_predictions(path, str(path))
    matches = (
        predictions.class_names == split.class_names
        and np.array_equal(predictions.image_id, split.image_id)
        and np.array_equal(predictions.label, split.label)
    )
    if not matches:
        raise StageError(
            f"Expected {path} to hold each image of {split.files[0].parent} once, in its order. "
            "Received: other images, labels or classes. Run `dvc repro predict`."
        )
    return predictions
