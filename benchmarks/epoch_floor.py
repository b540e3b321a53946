"""An epoch of a head against its floor, and against Keras's own `fit` on the same arrays.

The floor is the bytes read over the bandwidth of a copy, and the products over their rate, both
measured in the same run. It has no steps: it is what one pass over all images at once would take.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from benchmarks.timing import Row, by_turns
from common.params import Params, read_params
from common.schema import Train
from common.tables.sampling import Sampling
from networks.forward import traced
from networks.heads import build_head
from stages.train.fitting import fit
from stages.train.losses import build_loss
from stages.train.map_batches import MapBatches
from stages.train.monitors import build_metrics
from stages.train.optimizers import build_optimizer

IMAGES, VAL_IMAGES, VIEWS, SIDE, CHANNELS, CLASSES = 1442, 310, 2, 7, 1280, 10  # as the digits have
EPOCHS = 5
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


class Case(NamedTuple):
    """What is trained.

    Attributes:
        what: name of its rows.
        attention: as in params.yaml.
        train: float (IMAGES, VIEWS, height, width, CHANNELS).
        val: likewise, VAL_IMAGES.
    """

    what: str
    attention: str
    train: np.ndarray
    val: np.ndarray


def bandwidth() -> float:
    """Bytes per second of a copy in memory."""
    source, target = np.ones(2**27, np.uint8), np.empty(2**27, np.uint8)
    times = by_turns({"copy": lambda: np.copyto(target, source)}, 5)
    return source.nbytes / times["copy"]


def product_rate() -> float:
    """Multiplications and additions per second of a product as large as a batch's."""
    left = tf.random.normal((32 * SIDE * SIDE, CHANNELS))
    right = tf.random.normal((CHANNELS, 2 * POOL_WIDTH))
    product = traced(lambda: tf.reduce_sum(left @ right))
    times = by_turns({"product": lambda: product().numpy()}, 15)
    return 2 * left.shape[0] * left.shape[1] * right.shape[1] / times["product"]


def floor_of(case: Case, speed: float, rate: float) -> float:
    """Least seconds of an epoch.

    Args:
        case: of which every image of both splits is read once, in one view.
        speed: bytes per second.
        rate: multiplications and additions per second.
    """
    positions = case.train[0, 0, ..., 0].size
    width = CLASSES + (2 * POOL_WIDTH * positions if case.attention == "pool" else 0)
    # Forwards for both splits, and for train the gradients of the kernels; maps need none.
    passes = 2 * len(case.train) + len(case.val)
    read = (len(case.train) + len(case.val)) * case.train[0, 0].nbytes
    return read / speed + 2 * passes * CHANNELS * width / rate


def our_epoch(case: Case, params: Params, settings: Train) -> float:
    """Seconds of an epoch of the stage's own loop."""
    head = build_head(case.train.shape[2:], CLASSES, case.attention, params.model.head)
    batches = [
        MapBatches(
            maps,
            np.arange(len(maps)) % CLASSES,
            CLASSES,
            Sampling.plain(len(maps)),
            settings.batch_size,
            1,
        )
        for maps in (case.train, case.val)
    ]
    clock = Clock()
    fit(head, settings, *batches, callbacks=[clock])
    return clock.median


def keras_epoch(case: Case, params: Params, settings: Train) -> float:
    """The same of Keras's `fit`, on one view, shuffled by Keras."""
    head = build_head(case.train.shape[2:], CLASSES, case.attention, params.model.head)
    (maps, labels), val = (
        (maps[:, 0], np.eye(CLASSES, dtype=np.float32)[np.arange(len(maps)) % CLASSES])
        for maps in (case.train, case.val)
    )
    steps = -(-len(maps) // settings.batch_size)
    head.compile(
        build_optimizer(settings, steps),
        build_loss(settings),
        metrics=build_metrics(settings.monitor),
    )
    clock = Clock()
    head.fit(
        maps,
        labels,
        settings.batch_size,
        EPOCHS,
        verbose=0,
        callbacks=[clock],
        validation_data=val,
    )
    return clock.median


def cases() -> list[Case]:
    """The default head on pooled vectors, and attention pooling on maps."""
    rng = np.random.default_rng(0)
    maps = [
        rng.random((n, VIEWS, SIDE, SIDE, CHANNELS), np.float32).astype(np.float16)
        for n in (IMAGES, VAL_IMAGES)
    ]
    pooled = [part.mean(axis=(2, 3), keepdims=True, dtype=np.float32) for part in maps]
    return [
        Case("an epoch of the default head", "none", *pooled),
        Case("an epoch with attention pool", "pool", *maps),
    ]


def measure(rounds: int = 3) -> list[Row]:
    """Rows of the table."""
    params = read_params(Path("params.yaml"))
    settings = params.train.model_copy(update={"epochs": EPOCHS, "patience": EPOCHS})
    rows = []
    for case in cases():
        ways: dict[str, Callable] = {"ours": our_epoch, "theirs": keras_epoch}
        seconds: dict[str, list[float]] = {name: [] for name in (*ways, "floor")}
        for _ in range(rounds):
            seconds["floor"].append(floor_of(case, bandwidth(), product_rate()))
            for name, epoch_of in ways.items():
                seconds[name].append(epoch_of(case, params, settings))
        ours, theirs, floor = (
            float(np.median(seconds[name])) for name in ("ours", "theirs", "floor")
        )
        rows += [
            Row(case.what, "its floor", ours, floor, "s", floor / ours, 0.5),
            Row(case.what, "Keras's fit, same arrays", ours, theirs, "s", theirs / ours, None),
        ]
    return rows
