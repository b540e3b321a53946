"""Extraction, with decoding and augmentation, against Keras's `predict` on decoded pixels."""

import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.timing import Row, by_turns
from common.images import encode_png
from common.params import read_params
from common.preprocessing import Preprocessing
from common.tables.dataset import Dataset, write_dataset
from networks.augment import Augmenter
from networks.backbones.build import build_backbone
from networks.engine import BFLOAT16, FLOAT32, choose_engine, frozen_backbone
from stages.extract.maps import write_maps

VIEWS = 4
# Side in px, images, and the target in float32. Weights are random where packages have none. Of few
# images the engine's check, 64 in TensorFlow and as many again, would take most of the time.
NETWORKS = {
    "efficientnet_lite0": (224, 256, 2.5),
    "resnet50": (224, 128, 1.5),
    "mobilenet": (224, 256, 1.5),
    "xception": (299, 128, 1.5),
    "vgg16": (224, 64, 1.0),
}
BFLOAT16_TARGET = {"efficientnet_lite0": 4.0}


def smooth_images(n: int, side: int) -> list[Image.Image]:
    """Images of soft colours, which compress as photographs do."""
    grids = np.random.default_rng(0).integers(0, 256, (n, 24, 24, 3), np.uint8)
    return [Image.fromarray(grid).resize((side, side), Image.Resampling.BICUBIC) for grid in grids]


def write_images(folder: Path, images: list[Image.Image], side: int) -> Dataset:
    """The images as a split."""
    rows = [
        {
            "png": encode_png(image),
            "path": f"{number}.png",
            "image_id": f"{number:016x}",
            "label": number % 2,
            "group": number,
        }
        for number, image in enumerate(images)
    ]
    write_dataset(folder, ["a", "b"], Preprocessing((side, side), "stretch", 10**8), rows)
    return Dataset(folder)


def rows_of(name: str, rounds: int) -> list[Row]:
    """Rows of the table for one network."""
    side, n, target = NETWORKS[name]
    params = read_params(Path("params.yaml"))
    weights = "imagenet" if name.startswith("efficientnet_lite") else "none"
    backbone = build_backbone(name, (side, side), weights)
    augmenter = Augmenter(params.augment, 1)
    images = smooth_images(n, side)
    decoded = np.repeat(np.stack([np.asarray(image) for image in images]), VIEWS, axis=0)
    pixels = decoded.astype(np.float32)
    with tempfile.TemporaryDirectory() as scratch:
        dataset = write_images(Path(scratch) / "train", images, side)
        jobs = {"predict": lambda: backbone.predict(pixels, verbose=0, batch_size=32)}
        for precision in (FLOAT32, BFLOAT16):
            engine = choose_engine("auto", precision, [name], "bench")
            if engine.precision != precision:
                continue
            network = frozen_backbone(backbone, engine)
            path = Path(scratch) / f"{precision}.npy"
            jobs[precision] = lambda network=network, path=path: write_maps(
                path, network, dataset, augmenter, VIEWS, 32
            )
        times = by_turns(jobs, rounds)
    theirs = times.pop("predict")
    return [
        Row(
            f"extract, {name}, {precision}",
            "keras.Model.predict, pixels decoded",
            len(pixels) / ours,
            len(pixels) / theirs,
            "views/s",
            theirs / ours,
            target if precision == FLOAT32 else BFLOAT16_TARGET.get(name),
        )
        for precision, ours in times.items()
    ]


def measure(rounds: int = 5) -> list[Row]:
    """Rows of the table."""
    return [row for name in NETWORKS for row in rows_of(name, rounds)]
