"""Mixing of the images of a batch, and of their labels, with each other."""

from collections.abc import Callable

import keras
from keras import layers, ops

from common.schema import Augment

Mixer = Callable[[keras.KerasTensor, keras.KerasTensor], tuple]


class CutMix:
    """Pastes a part of another image of the batch into each one, and mixes labels by its area.

    Yun et al. 2019, "CutMix", eq. 1 and 2: the part covers 1 - share of the image, share drawn
    from Beta(alpha, alpha); its middle is anywhere, and what falls outside is cut off. The labels
    take the area that is then left, counted in pixels. Keras's CutMix draws another alpha below
    the given one each time, refuses alpha above 1, never cuts parts off, and takes the area before
    rounding to pixels.
    """

    def __init__(self, alpha: float, seed: int):
        """Args:
        alpha: of the Beta distribution, above 0.
        seed: of the generator.
        """
        self.alpha = alpha
        self.generator = keras.random.SeedGenerator(seed)

    def __call__(self, pixels, one_hot):
        """Float pixels `(batch, height, width, 3)`, labels `(batch, n_classes)`, in and out."""
        count, (height, width) = ops.shape(pixels)[0], pixels.shape[1:3]
        share = keras.random.beta((count,), self.alpha, self.alpha, seed=self.generator)
        middle = keras.random.uniform((count, 2), seed=self.generator)
        partner = keras.random.shuffle(ops.arange(count), seed=self.generator)
        side = ops.sqrt(1 - share)
        covered = ops.logical_and(
            _within(height, middle[:, 0], side)[:, :, None],
            _within(width, middle[:, 1], side)[:, None, :],
        )
        area = ops.mean(ops.cast(covered, one_hot.dtype), axis=(1, 2))[:, None]
        mixed = ops.where(covered[..., None], ops.take(pixels, partner, axis=0), pixels)
        return mixed, (1 - area) * one_hot + area * ops.take(one_hot, partner, axis=0)


def _within(length: int, middle, side):
    """Which of `length` pixels lie within `side / 2` of `middle`, fractions: `(batch, length)`."""
    places = (ops.arange(length, dtype="float32") + 0.5) / length
    return ops.abs(places[None, :] - middle[:, None]) < side[:, None] / 2


def build_mixer(augment: Augment, seed: int) -> Mixer | None:
    """Builds what blends the images of a batch, and their labels, with each other.

    Args:
        augment: the section of params.yaml; mixup (Zhang et al. 2018, "mixup", eq. 1, from Keras)
            and cutmix are the alphas of shares drawn from Beta(alpha, alpha) for each image.
        seed: of the draws.

    Returns:
        None where both are 0. Else a function, eager or inside tf.function: float32 pixels
        `(batch, height, width, 3)`, [0, 255], and float32 labels `(batch, n_classes)`, one-hot,
        in and out. Where both are set, each batch takes one of the two by a fair coin.
    """
    mixes = []
    if augment.mixup:
        mixes.append(_mixup(augment.mixup, seed + 11))
    if augment.cutmix:
        mixes.append(CutMix(augment.cutmix, seed + 12))
    if len(mixes) < 2:
        return mixes[0] if mixes else None
    coin = keras.random.SeedGenerator(seed + 13)

    def either(pixels, one_hot):
        first = keras.random.uniform((), seed=coin) < 0.5
        return ops.cond(first, *(lambda mix=mix: mix(pixels, one_hot) for mix in mixes))

    return either


def _mixup(alpha: float, seed: int) -> Mixer:
    blend = layers.MixUp(alpha, seed=seed)

    def mix(pixels, one_hot):
        mixed = blend({"images": pixels, "labels": one_hot}, training=True)
        return mixed["images"], mixed["labels"]

    return mix
