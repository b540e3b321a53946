"""Maps of a frozen backbone, computed once per image and view and written as a stream."""

import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from common import cli
from common.errors import StageError
from common.files import atomic_file
from common.images import decode_png
from common.tables.dataset import Dataset
from networks.augment import Augmenter
from networks.engine import FrozenNetwork
from networks.maps import MOMENTS_FILE, pooled_file
from stages.extract.pooled import PooledMaps

FLOAT16_MAX = 65504.0


def write_maps(
    path: Path,
    network: FrozenNetwork,
    dataset: Dataset,
    augmenter: Augmenter,
    views: int,
    batch_size: int,
) -> tuple[int, ...]:
    """Runs every image of a split through the network, `views` times.

    Beside the maps it writes their means over positions, and of train the moments of these.

    Args:
        path: the .npy file, float16 `(n, views, height, width, channels)`, row by row as in
            `dataset`; written as a stream.
        network: from `engine.frozen_backbone`.
        dataset: the split.
        augmenter: makes views 1 and up; view 0 is the image as it is.
        views: at least 1.
        batch_size: images decoded at a time; it changes no result.

    Returns:
        The array's shape.

    Raises:
        StageError: maps that float16 cannot hold, or an engine that is wrong.
    """
    batches = view_batches(dataset, augmenter, views, batch_size)
    answers = (maps for (maps,) in network.stream(batches))
    with cli.progress(None, f"features {path.stem}", dataset.n) as bar:
        return _write(path, dataset.n, views, _checked(answers, bar, views, path.stem))


def view_batches(
    dataset: Dataset, augmenter: Augmenter, views: int, batch_size: int
) -> Iterator[np.ndarray]:
    """Yields the views of images, one image after the other: uint8 (m * views, h, w, 3).

    Decoded and augmented by several threads, while what was yielded before is in use.
    """

    def views_of(batch: tuple[int, list[bytes]]) -> np.ndarray:
        start, encoded = batch
        images = [decode_png(data) for data in encoded]
        return np.stack(
            [
                augmenter.view(image, dataset.image_id[start + row], view)
                for row, image in enumerate(images)
                for view in range(views)
            ]
        )

    encoded = dataset.png_batches(batch_size)
    numbered = ((index * batch_size, batch) for index, batch in enumerate(encoded))
    return cli.parallel_map(views_of, numbered)


def _checked(answers: Iterable[np.ndarray], bar, views: int, split: str) -> Iterator[np.ndarray]:
    """The maps as float16, which has to hold them; moves the bar by images."""
    for maps in answers:
        largest = float(np.abs(maps).max())
        if not largest <= FLOAT16_MAX:
            raise StageError(
                f"Expected maps within ±{FLOAT16_MAX:g}, what float16 holds. Received: {largest:g} "
                f"(rows {bar.n} to {bar.n + len(maps) // views - 1} of {split}). Choose another "
                "model.layer or model.weights."
            )
        yield maps.astype(np.float16)
        bar.update(len(maps) // views)


def _write(path: Path, n: int, views: int, batches: Iterator[np.ndarray]) -> tuple[int, ...]:
    """Writes maps and what is derived from them; returns the shape of the maps."""
    first = next(batches)
    shape, start = (n, views, *first.shape[1:]), 0
    with atomic_file(path) as temporary, atomic_file(pooled_file(path)) as temporary_pooled:
        pooled = PooledMaps(temporary_pooled, n, views, shape[-1])
        array = np.lib.format.open_memmap(temporary, "w+", np.float16, shape)
        for maps in itertools.chain([first], batches):
            by_image = maps.reshape(-1, *shape[1:])
            array[start : start + len(by_image)] = by_image
            pooled.add(start, by_image)
            start += len(by_image)
        if start != n:
            raise AssertionError(f"{start} images written of {n}")
        array.flush()
        del array
        pooled.close()
    if path.stem == "train":
        np.save(path.with_name(MOMENTS_FILE), pooled.moments)
    return shape
