"""Losses of probabilities `(batch, n_classes)` and one-hot labels, by `train.loss`.

Two classes have a column each too, so that both are the binary losses there.
"""

from collections.abc import Callable

import keras

from common.schema import Train


def build_loss(train: Train) -> keras.losses.Loss:
    """The loss that the section train of params.yaml asks for."""
    return LOSSES[train.loss](train)


def cross_entropy(train: Train) -> keras.losses.Loss:
    """Cross-entropy with `label_smoothing`."""
    return keras.losses.CategoricalCrossentropy(label_smoothing=train.label_smoothing)


def focal(train: Train) -> keras.losses.Loss:
    """Focal loss (Lin et al. 2017, https://arxiv.org/abs/1708.02002); gamma 0 is cross-entropy.

    Without the paper's alpha, the weights of classes: the stage oversample balances them.
    """
    return keras.losses.CategoricalFocalCrossentropy(
        alpha=1.0, gamma=train.focal_gamma, label_smoothing=train.label_smoothing
    )


LOSSES: dict[str, Callable[[Train], keras.losses.Loss]] = {
    "auto": cross_entropy,
    "cross_entropy": cross_entropy,
    "focal": focal,
}
