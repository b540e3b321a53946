"""Settings of a plain head and of its training, and small sets of maps to train on."""

import numpy as np
import tensorflow as tf

from common.schema import Head, Train
from common.tables.sampling import Sampling
from stages.train.map_batches import MapBatches

PLAIN = Head(
    start="random",
    noise=0.0,
    norm="none",
    pooling="avg",
    dropout=0.0,
    units=0,
    activation="relu",
    l2=0.0,
    output="auto",
)
TRAIN = Train(
    epochs=30,
    warmup_epochs=None,
    batch_size=8,
    loss="auto",
    focal_gamma=2.0,
    label_smoothing=0.0,
    optimizer="adam",
    learning_rate=0.02,
    tuning_rate=None,
    depth_decay=1.0,
    weight_decay=None,
    schedule="constant",
    rise_epochs=0,
    decay_power=1.0,
    end_learning_rate=0.0,
    decay_rate=0.9,
    plateau_patience=4,
    plateau_factor=0.3,
    monitor="val_loss",
    patience=30,
    stop_on_overfit=False,
    ema=0.0,
    calibration="none",
    hdf5=False,
)


def separable(n=60, seed=0):
    """Maps (n, 1, 3, 3, 8) of two classes that the centre of one channel tells apart; labels."""
    rng = np.random.default_rng(seed)
    label = np.arange(n) % 2
    maps = rng.normal(size=(n, 1, 3, 3, 8)).astype(np.float32)
    maps[:, :, 1, 1, 0] += 6 * (2 * label[:, None] - 1)
    return maps.astype(np.float16), label


def batches_of(maps, label, batch_size=8):
    """Batches of maps of two classes, every row once in an epoch."""
    return MapBatches(maps, label, 2, Sampling.plain(len(label)), batch_size, 0)


def sampling_of(rows, times, weights=None):
    """A sampling table; all weights are 1 where none are given."""
    ones = np.ones(len(rows), np.float32)
    return Sampling(np.array(rows), np.array(times), ones if weights is None else weights)


def fed(batches, epoch=0):
    """What `fit` gives to the steps of an epoch: maps, one-hot labels and weights of each."""
    seen = []
    batches.begin_epoch(epoch)
    steps = batches.passes(lambda batch: seen.append([np.asarray(part) for part in batch]))
    tf.config.run_functions_eagerly(True)
    try:
        steps()
    finally:
        tf.config.run_functions_eagerly(False)
    return seen


def drawn(batches, epoch=0):
    """The same of all steps together, in their order."""
    return [np.concatenate(columns) for columns in zip(*fed(batches, epoch), strict=True)]


def probabilities_of(head, maps):
    """Probabilities of every row's plain view, float32 (n, n_classes)."""
    return head(maps[:, 0].astype(np.float32), training=False).numpy()
