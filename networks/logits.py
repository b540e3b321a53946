"""Logits of a head: the scores before its sigmoid or softmax, and their temperature."""

import keras
from keras import ops


def class_scores(head: keras.Model) -> keras.Model:
    """The head up to its scores before sigmoid or softmax, one per class.

    Gradients of probabilities vanish where a model is sure; Grad-CAM takes these instead. For
    the sigmoid of two classes the score of class 1 is the logit, and of class 0 its negative.

    Returns:
        A model that shares the head's layers: maps in, float32 `(batch, n_classes)` out.
    """
    logits = head.get_layer("logits").output
    if logits.shape[-1] == 1:
        logits = ops.concatenate([-logits, logits], axis=-1)
    return keras.Model(head.input, logits, name="class_scores")


def logits_model(head: keras.Model) -> keras.Model:
    """The head up to what softmax makes its probabilities of.

    Returns:
        A model that shares the head's layers: maps in, float32 `(batch, n_classes)` out. The
        sigmoid of two classes is the softmax of (0, logit).
    """
    logits = head.get_layer("logits").output
    if logits.shape[-1] == 1:
        logits = ops.concatenate([ops.zeros_like(logits), logits], axis=-1)
    return keras.Model(head.input, logits, name="softmax_logits")


def fold_temperature(head: keras.Model, temperature: float) -> None:
    """Divides all logits by a temperature, for good: kernel and bias of the layer "logits".

    The architecture stays, and so does each answer (Guo et al. 2017, eq. 9).
    """
    layer = head.get_layer("logits")
    layer.set_weights([weights / temperature for weights in layer.get_weights()])
