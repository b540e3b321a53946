"""A split with its predictions and bootstrap weights: the input of all metrics and plots."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from common.errors import StageError
from common.tables.dataset import Dataset
from common.tables.manifest import read_manifest
from common.tables.predictions import read_checked_predictions
from stages.evaluate.resampling import Resamples


class Split(NamedTuple):
    """The predictions of val or test.

    Attributes:
        path: object (n,), relative to data/raw.
        label: int (n,).
        probabilities: float (n, n_classes), as the saved model gives them.
        resamples: bootstrap weights of its images.
    """

    path: np.ndarray
    label: np.ndarray
    probabilities: np.ndarray
    resamples: Resamples

    @property
    def right(self) -> np.ndarray:
        """Whether the likeliest class is the true one, bool (n,)."""
        return self.probabilities.argmax(axis=1) == self.label

    @property
    def confidence(self) -> np.ndarray:
        """Probability of the likeliest class, float (n,)."""
        return self.probabilities.max(axis=1)


def open_split(dataset: Dataset, predictions: Path, resamples: int, seed: int) -> Split:
    """Reads the predictions of a split.

    Args:
        dataset: the split.
        predictions: its CSV.
        resamples: number of bootstrap samples.
        seed: of their draws.

    Raises:
        StageError: the predictions are of other images.
    """
    table = read_checked_predictions(predictions, dataset)
    weights = Resamples(dataset.label, dataset.group, resamples, seed)
    return Split(table.path, table.label, table.probabilities, weights)


def manifest_rows(manifest: Path, path: np.ndarray) -> pd.DataFrame:
    """The manifest's rows of the images with these paths, in their order.

    Raises:
        StageError: an image is not in the manifest.
    """
    rows = read_manifest(manifest).set_index("path", drop=False)
    missing = sorted(set(path) - set(rows.index))
    if missing:
        raise StageError(
            f"Expected each image of test in {manifest}. Received: none for {missing[0]} and "
            f"{len(missing) - 1:,} more. Run `dvc repro split`."
        )
    return rows.loc[path]
