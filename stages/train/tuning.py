"""Tuning of a backbone together with its head, on pixels."""

import keras
import tensorflow as tf

from common import cli
from common.schema import Train
from networks.blocks import blocks_of, networks_of
from networks.mixing import Mixer
from stages.train.fitting import fit
from stages.train.live import LiveLog
from stages.train.monitors import best_epoch
from stages.train.steps import Trained


class TunedNetwork(Trained):
    """Backbone and head while they are tuned; the saved model is made of these two alone."""

    def __init__(self, backbone: keras.Model, head: keras.Model, mixer: Mixer | None = None):
        """Args:
        backbone: pixels in, maps out.
        head: maps in, probabilities out.
        mixer: from `mixing.build_mixer`, or None.
        """
        super().__init__(name="tuned")
        self.backbone, self.head, self.mixer = backbone, head, mixer

    def call(self, pixels, training=False):
        """Pixels `(batch, height, width, 3)`, RGB, [0, 255], to probabilities."""
        return self.head(self.backbone(pixels, training=training), training=training)

    def prepared(self, pixels, labels, weights):
        """Mixes images with each other, on the device of the step."""
        pixels = tf.cast(pixels, tf.float32)
        if self.mixer is not None:
            # The weights of two images are mixed in the same share as their labels.
            columns = tf.concat([labels, weights[:, None]], axis=1)
            pixels, columns = self.mixer(pixels, columns)
            labels, weights = columns[:, :-1], columns[:, -1]
        return pixels, labels, weights


def depth_factors(backbone: keras.Model, decay: float) -> dict[int, float]:
    """Factors on the learning rate by `id` of the weight: decay for the last block of a network.

    The block before has decay squared, and so on; the head has 1 (Howard and Ruder 2018,
    "Universal language model fine-tuning", section 3.2, discriminative fine-tuning).
    """
    return {
        id(weight): decay ** (depth + 1)
        for network in networks_of(backbone)
        for depth, block in enumerate(reversed(blocks_of(network)))
        for layer in block
        for weight in layer.weights
    }


def tune(
    network: TunedNetwork,
    settings: Train,
    batches: keras.utils.PyDataset,
    val_batches: keras.utils.PyDataset,
    history: list[dict],
    live: LiveLog | None = None,
) -> list[dict]:
    """Tunes what is trainable in the network, and keeps the best epoch of both phases.

    Args:
        network: its layers' `trainable` say what is tuned.
        settings: of this phase, `phases.tuning_settings`.
        batches: `PixelBatches` of train.
        val_batches: the same of val.
        history: rows of the warm-up of the head; empty where there was none.
        live: gets each epoch's row as it ends.

    Returns:
        `history` and a row for each epoch of tuning, epochs counted on, each with its `phase`:
        "warm-up" or "tuning". Where no epoch of tuning was better than the warm-up, the network
        has the weights of before, and a warning says so.
    """
    warmed_up = network.get_weights()
    factors = depth_factors(network.backbone, settings.depth_decay)
    rows = fit(network, settings, batches, val_batches, factors, live=live)
    whole = join_histories(history, rows)
    if best_epoch(whole, settings.monitor)["phase"] == "warm-up":
        network.set_weights(warmed_up)
        cli.warn(
            "train",
            f"no epoch of tuning had a better {settings.monitor} than the warm-up of the head, "
            "whose weights are kept; a smaller train.tuning_rate or model.trainable may help",
        )
    return whole


def join_histories(warmup: list[dict], tuning: list[dict]) -> list[dict]:
    """The rows of both phases, epochs counted on, each with its `phase`."""
    before = warmup[-1]["epoch"] if warmup else 0
    return [{**row, "phase": "warm-up"} for row in warmup] + [
        {**row, "epoch": before + row["epoch"], "phase": "tuning"} for row in tuning
    ]
