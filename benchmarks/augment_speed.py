"""Augmentation of decoded images against Keras's layers, which most notebooks use."""

from pathlib import Path

import numpy as np
from keras import Sequential, layers

from benchmarks.timing import Row, by_turns
from common import cli
from common.params import read_params
from networks.augment import Augmenter

IMAGES, SIDE, BATCH = 256, 224, 32


def measure(rounds: int = 5) -> list[Row]:
    """Rows of the table: the same four to six changes of params.yaml's augment, both ways."""
    augment = read_params(Path("params.yaml")).augment
    pixels = np.random.default_rng(0).integers(0, 256, (IMAGES, SIDE, SIDE, 3), np.uint8)
    augmenter = Augmenter(augment, 1)
    theirs = Sequential(
        [
            layers.RandomFlip("horizontal", seed=1),
            layers.RandomRotation(augment.rotation, seed=2),
            layers.RandomTranslation(augment.shift, augment.shift, seed=3),
            layers.RandomZoom((-augment.zoom, augment.zoom), seed=4),
            layers.RandomBrightness(augment.brightness, seed=5),
            layers.RandomContrast(augment.contrast, seed=6),
        ]
    )

    def by_keras() -> None:
        for start in range(0, IMAGES, BATCH):
            theirs(pixels[start : start + BATCH].astype(np.float32), training=True)

    def by_views() -> None:
        def view(row: int) -> np.ndarray:
            return augmenter.view(pixels[row], f"{row}", 1)

        assert sum(1 for _ in cli.parallel_map(view, range(IMAGES))) == IMAGES

    times = by_turns({"ours": by_views, "theirs": by_keras}, rounds)
    return [
        Row(
            "augmentation",
            "Keras's layers",
            IMAGES / times["ours"],
            IMAGES / times["theirs"],
            "views/s",
            times["theirs"] / times["ours"],
            None,
        )
    ]
