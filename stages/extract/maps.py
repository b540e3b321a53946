"""Maps of a frozen backbone, computed once per image and view and written as a stream."""

from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from common import cli
from common.errors import StageError
from common.files import atomic_file
from common.tables.dataset import Dataset
from networks.forward import batch_of, traced
from networks.maps import MOMENTS_FILE, pooled_file
from networks.pixels import decode_batch
from stages.extract.pooled import PooledMaps

FLOAT16_MAX = 65504.0


def write_maps(
    path: Path,
    backbone: keras.Model,
    dataset: Dataset,
    augmenter: keras.Model | None,
    views: int,
    batch_size: int,
) -> tuple[int, ...]:
    """Runs every image of a split through the backbone, `views` times.

    Beside the maps it writes their means over positions, and of train the moments of these.

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
    with atomic_file(path) as temporary, atomic_file(pooled_file(path)) as temporary_pooled:
        pooled = PooledMaps(temporary_pooled, dataset.n, views, shape[-1])
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
                    pooled.add(start, view, array[start:stop, view])
                bar.update(stop - start)
                start = stop
        if start != dataset.n:
            raise AssertionError(f"{start} images written of {dataset.n}")
        array.flush()
        del array
        pooled.close()
    if path.stem == "train":
        np.save(path.with_name(MOMENTS_FILE), pooled.moments)
    return shape
