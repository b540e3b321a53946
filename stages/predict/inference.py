"""Inference: probabilities and embeddings of a split, from cached maps or from pixels."""

from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np

from common.tables.dataset import Dataset
from networks.classifier import Classifier, compose
from networks.maps import pool_maps, predict, read_maps
from networks.pixels import pool_pixels, predict_pixels


def cached_maps(classifier: Classifier, path: Path, dataset: Dataset) -> np.ndarray | None:
    """The maps of a split that extract has cached; None where the backbone was tuned since.

    Args:
        classifier: the model.
        path: of the maps.
        dataset: the split.

    Raises:
        StageError: they do not belong to `dataset`.
    """
    return read_maps(path, dataset) if classifier.frozen else None


def embeddings(
    classifier: Classifier, dataset: Dataset, maps: np.ndarray | None, batch_size: int
) -> Iterator[np.ndarray]:
    """Yields the mean over positions of the images' maps: float32 (m, channels) each."""
    if maps is not None:
        return pool_maps(maps, batch_size)
    return pool_pixels(classifier.backbone, dataset, batch_size)


def probabilities(
    classifier: Classifier,
    head: keras.Model,
    dataset: Dataset,
    maps: np.ndarray | None,
    batch_size: int,
) -> np.ndarray:
    """The probabilities that a head gives: float64 (n, n_classes), rows add up to 1.

    Args:
        classifier: the model.
        head: the classifier's, or another on the same maps.
        dataset: the split.
        maps: of the split, as from `cached_maps`.
        batch_size: images per step.
    """
    if maps is not None:
        return predict(head, maps, batch_size).astype(np.float64)
    model = classifier.model if head is classifier.head else compose(classifier.backbone, head)
    return predict_pixels(model, dataset, batch_size).astype(np.float64)
