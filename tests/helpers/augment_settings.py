"""Settings of augmentation that change nothing, to be changed one by one."""

from common.schema import Augment

STILL = Augment(
    views=2,
    flip=False,
    rotation=0.0,
    shift=0.0,
    zoom=0.0,
    shear=0.0,
    crop=0.0,
    brightness=0.0,
    contrast=0.0,
    saturation=0.0,
    hue=0.0,
    erasing=0.0,
    mixup=0.0,
    cutmix=0.0,
)
