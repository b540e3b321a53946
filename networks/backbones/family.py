"""The common face of the families of backbones."""

from collections.abc import Callable
from dataclasses import dataclass

import keras

from common.errors import StageError


@dataclass(frozen=True)
class Family:
    """Networks that are built alike. Each family's file ends in one, listed in `build.FAMILIES`.

    Attributes:
        names: of the networks, in snake case; no other family has the same.
        build: name, (height, width) in pixels and weights to a network without its top. Weights
            are `imagenet`, `none` (random) or the path of a weights file. The network takes
            float32 RGB pixels `(batch, height, width, 3)` in [0, 255] and gives its last maps,
            preprocessing inside, made of standard Keras layers under names that are the same in
            every process.
        minimum_size: least height and width in px; None where `build` itself raises `too_small`.
        pretrained: whether there are ImageNet weights.
    """

    names: tuple[str, ...]
    build: Callable[[str, tuple[int, int], str], keras.Model]
    minimum_size: int | None
    pretrained: bool


def too_small(name: str, size: tuple[int, int], minimum: int) -> StageError:
    """The error of images smaller than a network's least side, both in px."""
    return StageError(
        f"Expected split.image_size of at least [{minimum}, {minimum}] for {name}. "
        f"Received: {list(size)}. Raise split.image_size or choose another model.backbone."
    )
