"""Models as fast functions: TensorFlow graphs of them, in float32 or bfloat16.

The only file that traces graphs. A graph of whole batches is about 1.5 times as fast as
`model.predict` (measured), which moreover costs 50 ms more a call (benchmarks/serve).
"""

import contextlib
import logging
from collections.abc import Callable, Iterator

import keras
import numpy as np
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2


def traced(compute: Callable, *inputs: tf.TensorSpec) -> Callable:
    """A function of tensors as a graph.

    Args:
        compute: tensors in, tensors or nests of them out; its Python runs when it is traced only.
        *inputs: shape and dtype of each argument: then it is traced once, at the first call. Where
            there are none, it is traced anew for a new shape, and from then on for any size of
            the axes in which shapes differed.
    """
    if inputs:
        return tf.function(compute, input_signature=list(inputs))
    return tf.function(compute, reduce_retracing=True)


def batch_of(model: keras.Model, dtype: tf.DType = tf.float32) -> tf.TensorSpec:
    """The input of a model, for any number of rows."""
    return tf.TensorSpec((None, *model.input_shape[1:]), dtype)


def inference(model: keras.Model, *inputs: tf.TensorSpec) -> Callable[[np.ndarray], np.ndarray]:
    """A model of one input and one output as a function of NumPy batches, as in inference.

    Args:
        model: its weights are read at each call, so that the function follows a training.
        *inputs: as in `traced`, such as `batch_of(model)`.
    """
    forward = traced(lambda batch: model(batch, training=False), *inputs)
    return lambda batch: forward(batch).numpy()


def class_gradients(scores_of: keras.Model) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    """Gradients of one class's score with respect to the maps that the scores are made of.

    Args:
        scores_of: maps to scores `(n, n_classes)`, as from `logits.class_scores`.

    Returns:
        A function of float32 maps (n, height, width, channels) and int32 classes (n,), one for
        each row; float32 gradients of the maps' shape.
    """

    def gradients(maps, classes):
        with tf.GradientTape() as tape:
            tape.watch(maps)
            scores = tf.gather(scores_of(maps, training=False), classes, axis=1, batch_dims=1)
        return tape.gradient(scores, maps)

    return traced(gradients)


def layer_gradients(networks: list[keras.Model], scores_of: keras.Model) -> Callable:
    """Gradients of one class's score with respect to the maps of a layer inside each network.

    Args:
        networks: each of pixels to two outputs: the layer's maps, and the network's last maps.
        scores_of: the last maps of all networks, side by side, to scores `(n, n_classes)`.

    Returns:
        A function of float32 pixels (n, height, width, 3) and int32 classes (n,). It returns
        three things: the layers' maps, one float32 (n, h, w, channels) for each network;
        gradients of the same shapes; and the last maps side by side.
    """

    def look(pixels, classes):
        with tf.GradientTape() as tape:
            tape.watch(pixels)  # a frozen network has no variables that the tape would follow
            outputs = [network(pixels, training=False) for network in networks]
            head_maps = tf.concat([tf.cast(last, tf.float32) for _, last in outputs], axis=-1)
            scores = scores_of(head_maps, training=False)
            scores = tf.gather(scores, classes, axis=1, batch_dims=1)
        maps = [inner for inner, _ in outputs]
        gradients = tape.gradient(scores, maps)
        cast = [[tf.cast(tensor, tf.float32) for tensor in part] for part in (maps, gradients)]
        return *cast, head_maps

    return traced(look)


def constants(compute: Callable, *inputs: tf.TensorSpec):
    """A function of tensors as a graph in which the weights of now are constants.

    With constants TensorFlow folds batch normalisation into the convolutions: EfficientNet-Lite0
    is 1.1 to 1.35 times as fast. It is traced at once, and later changes of weights do not count.

    Args:
        compute: tensors in, a list of tensors out.
        *inputs: shape and dtype of each argument.
    """
    graph = traced(compute, *inputs).get_concrete_function()
    with _without_deprecation_warnings():
        return convert_variables_to_constants_v2(graph, aggressive_inlining=True)


@contextlib.contextmanager
def bfloat16_convolutions(network: keras.Model) -> Iterator[None]:
    """Lets a network's convolutions compute in bfloat16 in graphs that are traced inside.

    Weights stay in float32, and so do the other layers, which would save little time and cost
    digits: with all layers in bfloat16 the error of probabilities was two to six times as large,
    on three sets.
    """
    policies = {
        layer: layer.dtype_policy
        for layer in network._flatten_layers(include_self=False)
        if type(layer) is keras.layers.Conv2D and layer.dtype_policy.name == "float32"
    }
    for layer in policies:
        layer.dtype_policy = keras.DTypePolicy("mixed_bfloat16")
    try:
        yield
    finally:
        for layer, policy in policies.items():
            layer.dtype_policy = policy


@contextlib.contextmanager
def _without_deprecation_warnings() -> Iterator[None]:
    """Silences TensorFlow, which warns that a function is deprecated which it calls itself."""
    logger = logging.getLogger("tensorflow")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
