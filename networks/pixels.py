"""Images as input of a model: decoded, and read as a stream or by row."""

from collections.abc import Callable, Iterator

import keras
import numpy as np

from common import cli
from common.images import decode_png
from common.tables.dataset import Dataset
from networks.forward import batch_of, inference


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


def fresh_maps(backbone: keras.Model, dataset: Dataset) -> Callable[[list[int]], np.ndarray]:
    """A function from rows to their maps, computed when asked for: float32 (len(rows), h, w, c)."""

    def maps_at(rows: list[int]) -> np.ndarray:
        encoded = dataset.png_at(rows)
        return backbone(decode_batch([encoded[row] for row in rows]), training=False).numpy()

    return maps_at


def decode_batch(encoded: list[bytes]) -> np.ndarray:
    """float32 (batch, height, width, 3) of PNG bytes."""
    return np.stack([decode_png(data) for data in encoded]).astype(np.float32)
