"""Tuning a backbone together with its head, on pixels that are augmented at each step."""

import keras
import tensorflow as tf

from common import cli
from common.schema import Train
from networks.blocks import blocks_of, networks_of
from stages.train.fitting import best_epoch, fit
from stages.train.live import LiveLog

WARMUP_EPOCHS = 20  # where train.warmup_epochs is null
PRETRAINED_SHARE = 0.1  # of learning_rate, where pretrained weights are tuned


class TunedNetwork(keras.Model):
    """Backbone and head while they are tuned; what is saved is made of these two alone."""

    def __init__(self, backbone: keras.Model, head: keras.Model, augmenter=None, mixer=None):
        """Args:
        backbone: pixels in, maps out.
        head: maps in, probabilities out.
        augmenter: from `augment.build_augmenter`, or None.
        mixer: from `augment.build_mixer`, or None.
        """
        super().__init__(name="tuned")
        self.supports_jit = False  # XLA, which Keras asks for on a GPU, cannot turn or shift images
        self.backbone, self.head = backbone, head
        self.augmenter, self.mixer = augmenter, mixer

    def call(self, pixels, training=False):
        """Pixels `(batch, height, width, 3)`, RGB, [0, 255], to probabilities."""
        return self.head(self.backbone(pixels, training=training), training=training)

    def train_step(self, data):
        """Augments and mixes on the device of the step, then trains as Keras does."""
        pixels, labels, weights = keras.utils.unpack_x_y_sample_weight(data)
        pixels = tf.cast(pixels, tf.float32)
        if self.augmenter is not None:
            pixels = self.augmenter(pixels, training=True)
        if self.mixer is not None:
            # The weights of two images are mixed in the same share as their labels.
            both = tf.concat([labels, weights[:, None]], axis=1)
            pixels, both = self.mixer(pixels, both)
            labels, weights = both[:, :-1], both[:, -1]
        return super().train_step((pixels, labels, weights))


def tuning_settings(train: Train, pretrained: bool) -> Train:
    """The settings of the phase in which the backbone is tuned: its own learning rate."""
    rate = train.tuning_rate
    if rate is None:
        rate = train.learning_rate * (PRETRAINED_SHARE if pretrained else 1.0)
    return train.model_copy(
        update={"learning_rate": rate, "end_learning_rate": min(train.end_learning_rate, rate)}
    )


def warmup_epochs(train: Train, pretrained: bool) -> int:
    """Epochs of the head on cached maps; none where there are no pretrained maps to train it on."""
    if not pretrained:
        return 0
    return WARMUP_EPOCHS if train.warmup_epochs is None else train.warmup_epochs


def warmup_settings(train: Train, epochs: int) -> Train:
    """The settings of the phase on cached maps: the same schedule, over fewer epochs."""
    return train.model_copy(update={"epochs": epochs, "rise_epochs": 0})


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
    train: Train,
    pretrained: bool,
    batches,
    val_batches,
    history: list[dict],
    live: LiveLog | None = None,
) -> list[dict]:
    """Tunes what is trainable in the network, and keeps the best epoch of both phases.

    Args:
        network: its layers' `trainable` say what is tuned.
        train: the section train of params.yaml.
        pretrained: whether all of the backbone's weights are.
        batches: `PixelBatches` of train.
        val_batches: the same of val.
        history: rows of the warm-up of the head; empty where there was none.
        live: told of each epoch as it ends.

    Returns:
        `history` and a row for each epoch of tuning, epochs counted on, each with its `phase`:
        "warm-up" or "tuning". Where no epoch of tuning was better than the warm-up, the network
        has the weights of before, and a warning says so.
    """
    before = network.get_weights()
    factors = depth_factors(network.backbone, train.depth_decay)
    settings = tuning_settings(train, pretrained)
    rows = fit(network, settings, batches, val_batches, factors, live=live)
    done = len(history)
    history = [{**row, "phase": "warm-up"} for row in history]
    history += [{**row, "epoch": done + row["epoch"], "phase": "tuning"} for row in rows]
    if best_epoch(history, train.monitor)["phase"] == "warm-up":
        network.set_weights(before)
        cli.warn(
            "train",
            f"no epoch of tuning had a better {train.monitor} than the warm-up of the head, whose "
            "weights are kept; a smaller train.tuning_rate or model.trainable may help",
        )
    return history
