"""Augmentation of training images by Keras layers; by ours where Keras has none or errs.

Checked on Keras 3.15.1, eagerly and inside tf.function: each layer draws anew for every image of
a batch, and repeats for a seed.
"""

from collections.abc import Callable

import keras
from keras import layers, ops

from common.schema import Augment

# What erasing paints: the mean of ImageNet in R, G, B, as in the paper (Zhong et al. 2020).
PAINT = (125.0, 122.0, 114.0)

Mixer = Callable[[keras.KerasTensor, keras.KerasTensor], tuple]


class RandomResizedCrop(layers.Layer):
    """Cuts a window out of each image and enlarges it to the image's size.

    Height and width of the window are drawn for themselves, from `1 - most` to 1 of the image's,
    then its place. Keras's own RandomCrop has one size, and one place for the whole batch. The
    corners of the window are centres of pixels, so that nothing outside of it is ever read.
    """

    def __init__(self, most: float, seed: int, **kwargs):
        """Args:
        most: largest fraction of height and of width that is left out, 0 to below 1.
        seed: of the generator.
        **kwargs: of Layer.
        """
        super().__init__(**kwargs)
        self.most = most
        self.generator = keras.random.SeedGenerator(seed)

    def call(self, pixels, training=False):
        """Float pixels `(batch, height, width, channels)`, of any range, in and out."""
        if not training or not self.most:
            return pixels
        count, (height, width) = ops.shape(pixels)[0], pixels.shape[1:3]
        left_out = keras.random.uniform((count, 2), 0.0, self.most, seed=self.generator)
        place = keras.random.uniform((count, 2), seed=self.generator)
        zero = ops.zeros((count,), pixels.dtype)
        rows = (1 - left_out[:, 0], place[:, 0] * left_out[:, 0] * (height - 1))
        columns = (1 - left_out[:, 1], place[:, 1] * left_out[:, 1] * (width - 1))
        # Where the pixel (x, y) comes from: (a x + b y + c, d x + e y + f), in this order.
        return ops.image.affine_transform(
            pixels,
            ops.stack([columns[0], zero, columns[1], zero, rows[0], rows[1], zero, zero], axis=1),
            interpolation="bilinear",
            fill_mode="nearest",
        )


class _Colours(layers.Layer):
    """A Keras layer that takes pixels in [0, 1], for pixels in [0, 255].

    Outside of training it is not called: these layers draw numbers even then.
    """

    def __init__(self, step: layers.Layer):
        super().__init__()
        self.step = step

    def build(self, shape):
        self.step.build(shape)

    def call(self, pixels, training=False):
        return self.step(pixels / 255.0, training=True) * 255.0 if training else pixels


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


def chosen_steps(augment: Augment) -> list[str]:
    """Names of the parameters of `augment` that change single images, where they do."""
    others = ("views", "mixup", "cutmix")
    return [name for name, value in augment.model_dump().items() if value and name not in others]


def build_augmenter(augment: Augment, seed: int) -> keras.Sequential:
    """Builds the random transformations that `augment` asks for, one image at a time.

    Args:
        augment: the section of params.yaml.
        seed: each layer's generator starts from it.

    Returns:
        A model: float32 pixels `(batch, height, width, 3)`, RGB, [0, 255], in and out. It acts
        only when called with training=True. What turns or shifts into the image from outside
        is a mirror image of its edge.
    """
    steps = []
    if augment.flip:
        steps.append(layers.RandomFlip("horizontal", seed=seed))
    if augment.rotation:
        steps.append(layers.RandomRotation(augment.rotation, seed=seed + 1))
    if augment.shift:
        steps.append(layers.RandomTranslation(augment.shift, augment.shift, seed=seed + 2))
    if augment.zoom:
        steps.append(layers.RandomZoom((-augment.zoom, augment.zoom), seed=seed + 3))
    if augment.shear:
        steps.append(layers.RandomShear(x_factor=augment.shear, seed=seed + 4))
    if augment.crop:
        steps.append(RandomResizedCrop(augment.crop, seed=seed + 7))
    if augment.brightness:
        steps.append(
            layers.RandomBrightness(augment.brightness, value_range=(0, 255), seed=seed + 5)
        )
    if augment.contrast:
        steps.append(layers.RandomContrast(augment.contrast, value_range=(0, 255), seed=seed + 6))
    if augment.saturation:
        # Keras multiplies by f / (1 - f) and takes f. Its value_range cuts the saturation, which
        # is a fraction whatever the pixels are: up to 255, vivid colours come out at -500.
        factors = tuple(times / (1 + times) for times in _around_one(augment.saturation))
        steps.append(_Colours(layers.RandomSaturation(factors, (0, 1), seed=seed + 8)))
    if augment.hue:
        # A factor of 1 is half a circle either way.
        steps.append(_Colours(layers.RandomHue(2 * augment.hue, (0, 1), seed=seed + 9)))
    if augment.erasing:
        # One number would be the largest of chances, drawn anew for each image: half of it on
        # average. The default paint is normal noise whose lower half is cut off to black.
        chance = (augment.erasing, augment.erasing)
        steps.append(layers.RandomErasing(chance, fill_value=PAINT, seed=seed + 10))
    return keras.Sequential(steps or [layers.Identity()], name="augment")


def _around_one(change: float) -> tuple[float, float]:
    return 1 - change, 1 + change


def build_mixer(augment: Augment, seed: int) -> Mixer | None:
    """Builds what blends the images of a batch, and their labels, with each other.

    Args:
        augment: the section of params.yaml; mixup (Zhang et al. 2018, "mixup", eq. 1, from Keras)
            and cutmix are the alphas of shares drawn from Beta(alpha, alpha) for each image.
        seed: the generators start beyond those of `build_augmenter`, which may have the same.

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
