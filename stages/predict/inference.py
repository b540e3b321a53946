"""Inference: probabilities and embeddings of a split, from cached maps or from pixels."""

from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np

from common import cli
from common.tables.dataset import Dataset
from networks.classifier import Classifier, compose
from networks.forward import batch_of, inference
from networks.maps import read_maps, read_pooled
from networks.pixels import decode_batch


def open_maps(classifier: Classifier, path: Path, dataset: Dataset) -> np.ndarray | None:
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
    classifier: Classifier, dataset: Dataset, path: Path, batch_size: int
) -> Iterator[np.ndarray]:
    """Yields the mean over positions of the images' maps: float32 (m, channels) each.

    Args:
        classifier: the model.
        dataset: the split.
        path: of its maps, beside which extract has kept these means.
        batch_size: images per step.
    """
    if classifier.frozen:
        return plain_vectors(read_pooled(path, dataset), batch_size)
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
        maps: of the split, as from `open_maps`.
        batch_size: images per step.
    """
    if maps is not None:
        return predict_maps(head, maps, batch_size).astype(np.float64)
    model = classifier.model if head is classifier.head else compose(classifier.backbone, head)
    return predict_pixels(model, dataset, batch_size).astype(np.float64)


def plain_vectors(pooled: np.ndarray, batch_size: int) -> Iterator[np.ndarray]:
    """Yields the vectors of every row's plain view, (m, channels) each, of (n, views, channels)."""
    for start in range(0, len(pooled), batch_size):
        yield pooled[start : start + batch_size, 0]


def predict_maps(head: keras.Model, maps: np.ndarray, batch_size: int) -> np.ndarray:
    """Probabilities of every row's plain view, float32 (n, n_classes)."""
    forward = inference(head)
    steps = range(0, len(maps), batch_size)
    parts = [forward(maps[i : i + batch_size, 0].astype(np.float32)) for i in steps]
    return np.concatenate(parts)


def outputs_of_pixels(
    model: keras.Model, dataset: Dataset, batch_size: int, what: str = "predicting"
) -> Iterator[np.ndarray]:
    """Yields a model's output for the images, batch by batch, in the order of the dataset.

    Args:
        model: float32 pixels `(batch, height, width, 3)` in [0, 255] in.
        dataset: read as a stream.
        batch_size: images per step.
        what: beside the progress bar.
    """
    forward = inference(model, batch_of(model))
    with cli.progress(None, what, dataset.n) as bar:
        for pixels in cli.parallel_map(decode_batch, dataset.png_batches(batch_size)):
            yield forward(pixels)
            bar.update(len(pixels))


def predict_pixels(model: keras.Model, dataset: Dataset, batch_size: int) -> np.ndarray:
    """All of `outputs_of_pixels` in one array: float32 (n, …)."""
    return np.concatenate(list(outputs_of_pixels(model, dataset, batch_size)))


def pool_pixels(backbone: keras.Model, dataset: Dataset, batch_size: int) -> Iterator[np.ndarray]:
    """Yields the mean over positions of the images' maps: float32 (m, channels) each."""
    pooled = keras.layers.GlobalAveragePooling2D()(backbone.output)
    model = keras.Model(backbone.input, pooled)
    return outputs_of_pixels(model, dataset, batch_size, "embedding")
