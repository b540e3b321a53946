"""The head of a classifier: from a backbone's maps to class probabilities."""

from collections.abc import Callable

import keras
from keras import layers, ops

from common.errors import StageError
from common.schema import Head
from networks.attention import ATTENTIONS
from networks.runtime import seeded

GEM_POWER = 3.0  # of the paper; 1 would be the mean, infinity the maximum
GEM_LEAST = 1e-6  # smaller values of the maps count as this


@seeded("head")
def build_head(
    map_shape: tuple[int, int, int], n_classes: int, attention: str, head: Head
) -> keras.Model:
    """Builds noise, norm, attention, pooling, dropout, dense layers and the class output.

    The configured seed alone decides its random weights, whatever was built before.

    Args:
        map_shape: (height, width, channels) of the maps.
        n_classes: at least 2.
        attention: one of `attention.ATTENTIONS`.
        head: the section model.head of params.yaml. Its pooling is one of POOLINGS; its output is
            auto (sigmoid for two classes, else softmax), sigmoid (one unit, the second class; the
            first is what is left) or softmax (one unit for each class).

    Returns:
        A model named "head": float32 maps `(batch, height, width, channels)` in, float32
        probabilities `(batch, n_classes)` out, rows adding up to 1. Its layer "logits" holds the
        scores before the sigmoid `(batch, 1)` or softmax `(batch, n_classes)`.

    Raises:
        StageError: sigmoid for more than two classes.
    """
    if head.output == "sigmoid" and n_classes != 2:
        raise StageError(
            "Expected two classes with model.head.output: sigmoid. Received: "
            f"{n_classes} classes. Set model.head.output to auto or softmax."
        )
    maps = x = keras.Input(map_shape, name="maps")
    if head.noise:
        x = layers.GaussianNoise(head.noise, name="noise")(x)
    if head.norm:
        # Keras's momentum of 0.99 takes hundreds of steps to forget its start; small sets have few.
        x = layers.BatchNormalization(momentum=0.9, name="norm")(x)
    x = ATTENTIONS[attention](x)
    if len(x.shape) == 4:
        x = POOLINGS[head.pooling](x)
    if head.dropout:
        x = layers.Dropout(head.dropout, name="dropout")(x)
    penalty = keras.regularizers.L2(head.l2) if head.l2 else None
    if head.units:
        x = layers.Dense(head.units, head.activation, kernel_regularizer=penalty, name="hidden")(x)
        if head.dropout:
            x = layers.Dropout(head.dropout, name="hidden_dropout")(x)
    if n_classes == 2 and head.output != "softmax":
        logits = layers.Dense(1, kernel_regularizer=penalty, name="logits")(x)
        second = layers.Activation("sigmoid", name="sigmoid")(logits)
        probabilities = layers.Concatenate(name="probabilities")([1.0 - second, second])
    else:
        logits = layers.Dense(n_classes, kernel_regularizer=penalty, name="logits")(x)
        probabilities = layers.Softmax(name="probabilities")(logits)
    return keras.Model(maps, probabilities, name="head")


def average(maps: keras.KerasTensor) -> keras.KerasTensor:
    """The mean over positions."""
    return layers.GlobalAveragePooling2D(name="pooling")(maps)


def largest(maps: keras.KerasTensor) -> keras.KerasTensor:
    """The maximum over positions."""
    return layers.GlobalMaxPooling2D(name="pooling")(maps)


def average_and_largest(maps: keras.KerasTensor) -> keras.KerasTensor:
    """The mean and the maximum side by side."""
    parts = [
        layers.GlobalAveragePooling2D(name="pooling_avg")(maps),
        layers.GlobalMaxPooling2D(name="pooling_max")(maps),
    ]
    return layers.Concatenate(name="pooling")(parts)


def generalised_mean(maps: keras.KerasTensor) -> keras.KerasTensor:
    """`(mean x^p)^(1/p)` per channel, between the mean and the maximum.

    Radenovic et al. 2018, "Fine-tuning CNN image retrieval with no human annotation", eq. 3. It
    is made for maps that are nowhere negative: smaller values count as GEM_LEAST.
    """
    powers = ops.power(ops.maximum(maps, GEM_LEAST), GEM_POWER)
    return ops.power(average(powers), 1 / GEM_POWER)


# The choices of model.head.pooling: maps `(batch, height, width, channels)` to vectors
# `(batch, channels)`, of avgmax `(batch, 2 channels)`.
POOLINGS: dict[str, Callable[[keras.KerasTensor], keras.KerasTensor]] = {
    "avg": average,
    "max": largest,
    "avgmax": average_and_largest,
    "gem": generalised_mean,
}
