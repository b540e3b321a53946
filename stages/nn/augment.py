"""Random views of training pictures, from Keras layers."""

import keras
from keras import layers

from stages.common.sections import Augment


def build_augmenter(augment: Augment, seed: int) -> keras.Sequential:
    """Builds the random transformations that `augment` asks for.

    Args:
        augment: the section of params.yaml.
        seed: each layer's generator starts from it.

    Returns:
        A model: float32 pixels `(batch, height, width, 3)`, RGB, [0, 255], in and out. It acts
        only when called with training=True. What turns or shifts into the picture from outside
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
    if augment.brightness:
        steps.append(
            layers.RandomBrightness(augment.brightness, value_range=(0, 255), seed=seed + 5)
        )
    if augment.contrast:
        steps.append(layers.RandomContrast(augment.contrast, value_range=(0, 255), seed=seed + 6))
    return keras.Sequential(steps or [layers.Identity()], name="augment")
