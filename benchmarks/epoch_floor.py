"""An epoch of a head against its floor: bytes over bandwidth, and products over their rate."""

import time
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from benchmarks.timing import Row, by_turns
from common.params import read_params
from common.schema import Train
from common.tables.sampling import Sampling
from networks.heads import build_head
from stages.train.fitting import fit
from stages.train.map_batches import MapBatches

IMAGES, VIEWS, SIDE, CHANNELS, CLASSES = 1442, 2, 7, 1280, 10  # the digits' training images
EPOCHS = 6
POOL_WIDTH = 128


class Clock(keras.callbacks.Callback):
    """Seconds of each epoch, validation included."""

    def __init__(self):
        super().__init__()
        self.ends: list[float] = []

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Starts the clock before the first epoch."""
        if not self.ends:
            self.ends.append(time.perf_counter())

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Takes the time."""
        self.ends.append(time.perf_counter())

    @property
    def median(self) -> float:
        """Without the first epoch, in which TensorFlow traces."""
        return float(np.median(np.diff(self.ends)[1:]))


def bandwidth() -> float:
    """Bytes per second of a copy in memory."""
    source, target = np.ones(2**27, np.uint8), np.empty(2**27, np.uint8)
    times = by_turns({"copy": lambda: np.copyto(target, source)}, 5)
    return source.nbytes / times["copy"]


def product_rate() -> float:
    """Multiplications and additions per second of a product as large as a batch's."""
    left = tf.random.normal((32 * SIDE * SIDE, CHANNELS))
    right = tf.random.normal((CHANNELS, 2 * POOL_WIDTH))
    product = tf.function(lambda: tf.reduce_sum(left @ right))
    times = by_turns({"product": lambda: product().numpy()}, 9)
    return 2 * left.shape[0] * left.shape[1] * right.shape[1] / times["product"]


def epoch_seconds(maps: np.ndarray, attention: str, settings: Train) -> float:
    """Of a head on these maps, by the stage's own loop."""
    params = read_params(Path("params.yaml"))
    label = np.arange(len(maps)) % CLASSES
    head = build_head(maps.shape[2:], CLASSES, attention, params.model.head)
    batches, val = (
        MapBatches(maps[:n], label[:n], CLASSES, Sampling.plain(n), settings.batch_size, 1)
        for n in (len(maps), len(maps) // 5)
    )
    clock = Clock()
    fit(head, settings, batches, val, callbacks=[clock])
    return clock.median


def measure(rounds: int = 3) -> list[Row]:
    """Rows of the table."""
    params = read_params(Path("params.yaml"))
    settings = params.train.model_copy(update={"epochs": EPOCHS, "patience": EPOCHS})
    rng = np.random.default_rng(0)
    maps = rng.random((IMAGES, VIEWS, SIDE, SIDE, CHANNELS), np.float32).astype(np.float16)
    pooled = maps.astype(np.float32).mean(axis=(2, 3), keepdims=True)
    speed, rate = bandwidth(), product_rate()
    rows, seen = [], IMAGES + IMAGES // 5
    for name, attention, given in (("none", "none", pooled), ("pool", "pool", maps)):
        read = seen * given[0, 0].nbytes
        # Forwards for both splits, and for train the gradients of the kernels.
        passes, positions = seen + IMAGES, given[0, 0, ..., 0].size
        width = CLASSES + (2 * POOL_WIDTH * positions if attention == "pool" else 0)
        floor = read / speed + 2 * passes * CHANNELS * width / rate
        ours = float(np.median([epoch_seconds(given, attention, settings) for _ in range(rounds)]))
        what = "an epoch of the default head" if name == "none" else "an epoch with attention pool"
        rows.append(Row(what, "its floor", ours, floor, "s", floor / ours, 0.5))
    return rows
