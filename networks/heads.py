"""The head of a classifier: from a backbone's maps to class probabilities."""

from collections.abc import Callable

import keras
import numpy as np
from keras import layers, ops

from common.errors import StageError
from common.schema import Head
from networks.attention import ATTENTIONS
from networks.runtime import seeded

GEM_POWER = 3.0  # of the paper; 1 would be the mean, infinity the maximum
GEM_LEAST = 1e-6  # smaller values of the maps count as this
AUTO_L2 = 1e-4  # of head.l2: auto, until `start_linear` knows better
NORM_EPSILON = 1e-7  # of the fixed standardisation; its deviations are never near zero


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
        head: the section model.head of params.yaml. Its pooling is one of POOLINGS, its norm one of
            NORMS; its output is auto (sigmoid for two classes, else softmax), sigmoid (one unit,
            the second class; the first is what is left) or softmax (one unit for each class).
            Where its start is linear, the attention begins as the identity, hidden units stand
            beside the pooled vector instead of between it and the scores, and the kernel of the
            scores is zero, for `start_linear` to fill.

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
    linear = head.start == "linear"
    maps = x = keras.Input(map_shape, name="maps")
    if head.noise:
        x = layers.GaussianNoise(head.noise, name="noise")(x)
    x = NORMS[head.norm](x)
    x = ATTENTIONS[attention](x, linear)
    if len(x.shape) == 4:
        x = POOLINGS[head.pooling](x)
    if head.dropout:
        x = layers.Dropout(head.dropout, name="dropout")(x)
    l2 = AUTO_L2 if head.l2 == "auto" else head.l2
    penalty = keras.regularizers.L2(l2) if l2 else None
    if head.units:
        hidden = layers.Dense(
            head.units, head.activation, kernel_regularizer=penalty, name="hidden"
        )(x)
        if head.dropout:
            hidden = layers.Dropout(head.dropout, name="hidden_dropout")(hidden)
        x = layers.Concatenate(name="vector_and_hidden")([x, hidden]) if linear else hidden
    two_by_sigmoid = n_classes == 2 and head.output != "softmax"
    logits = layers.Dense(
        1 if two_by_sigmoid else n_classes,
        kernel_initializer="zeros" if linear else "glorot_uniform",
        kernel_regularizer=penalty,
        name="logits",
    )(x)
    if two_by_sigmoid:
        second = layers.Activation("sigmoid", name="sigmoid")(logits)
        probabilities = layers.Concatenate(name="probabilities")([1.0 - second, second])
    else:
        probabilities = layers.Softmax(name="probabilities")(logits)
    return keras.Model(maps, probabilities, name="head")


def standardise(maps: keras.KerasTensor) -> keras.KerasTensor:
    """Fixed mean and deviation of each channel, those that `set_moments` gives it."""
    # Batch normalisation that is not trained: every exporter knows it, and folds it.
    layer = layers.BatchNormalization(
        center=False, scale=False, epsilon=NORM_EPSILON, trainable=False, name="norm"
    )
    return layer(maps)


def batch_norm(maps: keras.KerasTensor) -> keras.KerasTensor:
    """Batch normalisation."""
    # Keras's momentum of 0.99 takes hundreds of steps to forget its start; small sets have few.
    return layers.BatchNormalization(momentum=0.9, name="norm")(maps)


def no_norm(maps: keras.KerasTensor) -> keras.KerasTensor:
    """The maps as they are."""
    return maps


# The choices of model.head.norm: maps in and out.
NORMS: dict[str, Callable[[keras.KerasTensor], keras.KerasTensor]] = {
    "standardise": standardise,
    "batch": batch_norm,
    "none": no_norm,
}


def set_moments(head: keras.Model, mean: np.ndarray, deviation: np.ndarray) -> None:
    """Gives the norm, if there is one, mean and deviation by channel; float (channels,) each."""
    norm = _norm_of(head)
    if norm is not None:
        norm.moving_mean.assign(mean)
        norm.moving_variance.assign(np.square(deviation))


def through_norm(
    head: keras.Model, kernel: np.ndarray, bias: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """A linear model of means of maps as one of what the norm, as it is now, makes of them.

    Args:
        head: from `build_head`.
        kernel: float (channels, n_classes).
        bias: float (n_classes,).

    Returns:
        Kernel and bias of the same shapes, which give the same scores.
    """
    norm = _norm_of(head)
    if norm is None:
        return kernel, bias
    mean, variance = norm.moving_mean.numpy(), norm.moving_variance.numpy()
    scale = np.sqrt(variance + np.float32(norm.epsilon))
    if norm.scale:
        scale = scale / norm.gamma.numpy()
    shift = mean - scale * norm.beta.numpy() if norm.center else mean
    return kernel * scale[:, None], bias + shift @ kernel


def _norm_of(head: keras.Model) -> keras.Layer | None:
    return next((layer for layer in head.layers if layer.name == "norm"), None)


def pooled_vectors(head: keras.Model) -> keras.Model:
    """The head up to its pooled vector: maps in, float32 `(batch, width)` out; shares layers."""
    names = {layer.name for layer in head.layers}
    if "vector_and_hidden" in names:
        vectors = head.get_layer("vector_and_hidden").input[0]
    else:
        vectors = head.get_layer("logits").input
    return keras.Model(head.input, vectors, name="pooled_vectors")


def start_linear(
    head: keras.Model, kernel: np.ndarray, bias: np.ndarray, l2: float | None = None
) -> None:
    """Lets a head whose start is linear begin as a linear model of its pooled vectors.

    Args:
        head: from `build_head`.
        kernel: float (width, n_classes), of the outputs of `pooled_vectors`.
        bias: float (n_classes,).
        l2: factor on the sum of the kernel's squares in the loss, as the linear model had it; None
            leaves the head's own.
    """
    logits = head.get_layer("logits")
    width, n_outputs = logits.kernel.shape
    if n_outputs == 1:  # the sigmoid of the difference is the softmax of two scores
        kernel, bias = kernel[:, 1:] - kernel[:, :1], bias[1:] - bias[:1]
        # Of two opposite columns, each half of the difference, the squares add up to half.
        l2 = l2 / 2 if l2 is not None else None
    if l2 is not None:
        # Keras reads the variable's own in training and writes the layer's to the file.
        logits.kernel_regularizer = logits.kernel.regularizer = keras.regularizers.L2(l2)
    hidden = np.zeros((width - len(kernel), n_outputs))
    logits.set_weights([np.concatenate([kernel, hidden]), bias])


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
