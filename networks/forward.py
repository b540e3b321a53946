"""An opened model as a function of pixels, in float32 or bfloat16."""

import contextlib
import logging
from collections.abc import Callable, Iterator

import keras
import numpy as np
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from networks.classifier import Classifier


def compute_in_bfloat16(backbone: keras.Model) -> None:
    """Has the backbone's convolutions compute in bfloat16 and keep their weights in float32.

    The rest costs little time in float32 and digits in bfloat16: with all layers the error of
    probabilities was two to six times as large, on three sets.
    """
    for layer in backbone._flatten_layers(include_self=False):
        if type(layer) is keras.layers.Conv2D and layer.dtype_policy.name == "float32":
            layer.dtype_policy = keras.DTypePolicy("mixed_bfloat16")


def as_function(classifier: Classifier) -> Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """The model as a function of uint8 pixels (n, height, width, 3), of any n.

    Returns:
        A function that returns maps, float32 (n, h, w, channels), and probabilities, float64
        (n, n_classes).
    """

    # Of uint8: float pixels take four times the memory. And not model.predict, which costs 50 ms
    # more a call (benchmarks/serve).
    @tf.function(input_signature=[tf.TensorSpec((None, *classifier.image_size, 3), tf.uint8)])
    def forward(pixels):
        maps = classifier.backbone(tf.cast(pixels, tf.float32), training=False)
        maps = tf.cast(maps, tf.float32)
        return maps, classifier.head(maps, training=False)

    # With its weights as constants TensorFlow folds batch normalisation into the convolutions:
    # EfficientNet-Lite0 is 1.1 to 1.35 times as fast.
    with _quiet():
        frozen = convert_variables_to_constants_v2(
            forward.get_concrete_function(), aggressive_inlining=True
        )

    def run(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        maps, probabilities = frozen(tf.convert_to_tensor(pixels, tf.uint8))
        return maps.numpy(), probabilities.numpy().astype(np.float64)

    return run


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keeps to itself that TensorFlow means to remove what it calls there itself."""
    logger = logging.getLogger("tensorflow")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
