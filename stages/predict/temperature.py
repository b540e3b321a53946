"""Removal of the temperature from a head."""

import keras
from keras import ops

from networks.logits import logits_model


def without_temperature(head: keras.Model, temperature: float) -> keras.Model:
    """The same head with its logits multiplied by the temperature that they were divided by.

    Args:
        head: with a folded temperature, see `networks.logits.fold_temperature`.
        temperature: above 0.

    Returns:
        A model that shares the head's layers: maps in, float32 probabilities `(batch, n_classes)`
        out.
    """
    logits = logits_model(head)
    probabilities = ops.softmax(logits.output * temperature, axis=-1)
    return keras.Model(logits.input, probabilities, name="head_before_temperature")
