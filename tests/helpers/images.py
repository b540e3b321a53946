"""Small synthetic images, each unlike any other, and folders of them."""

import io
from pathlib import Path

import numpy as np
from PIL import Image

from common.images import encode_png
from common.preprocessing import Preprocessing
from common.tables.dataset import Dataset, write_dataset

COLOURS = {"cat": "red", "dog": "blue", "owl": "green"}  # tints by class, so that one can learn


def make_image(seed, size=(60, 48), colour=None) -> Image.Image:
    """A random image of soft shapes, unlike that of any other seed.

    Args:
        seed: as of NumPy's generator.
        size: (width, height), px.
        colour: tints it, where there is one.
    """
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (6, 6, 3), dtype=np.uint8)
    image = Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)
    if colour is not None:
        image = Image.blend(image, Image.new("RGB", size, colour), 0.5)
    return image


def image_bytes(image: Image.Image, encoding="PNG", **options) -> bytes:
    """The bytes of an image file."""
    stream = io.BytesIO()
    image.save(stream, format=encoding, **options)
    return stream.getvalue()


def write_images(folder: Path, counts: dict[str, int], start=0) -> Path:
    """Writes `counts[label]` distinct PNGs into `folder/label` for each label."""
    for number, (label, count) in enumerate(counts.items()):
        (folder / label).mkdir(parents=True, exist_ok=True)
        colour = COLOURS.get(label.split("/")[-1])
        for index in range(count):
            image = make_image([start, number, index], colour=colour)
            (folder / label / f"{index:03d}.png").write_bytes(image_bytes(image))
    return folder


def write_numbered_images(folder: Path, n: int, side: int) -> Dataset:
    """A dataset in row groups of four; all pixels of image i are i, its label is i % 2."""
    rows = [
        {
            "png": encode_png(Image.fromarray(np.full((side, side, 3), i, np.uint8))),
            "path": f"{i}.png",
            "image_id": f"{i:016x}",
            "label": i % 2,
            "group": i,
        }
        for i in range(n)
    ]
    write_dataset(folder, ["even", "odd"], Preprocessing((side, side), "stretch", 10**6), rows, 4)
    return Dataset(folder)
