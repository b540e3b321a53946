"""Advice on extraction: settings without effect, and maps that tell no images apart."""

from pathlib import Path

import numpy as np

from common.schema import Augment
from networks.augment import chosen_steps

CHECKED = 100  # images whose maps are compared
EQUAL_MAPS = (
    "the maps are the same for every image, so nothing can be learned from them; an untrained "
    "backbone (model.weights: none) often does that"
)


def ineffective_settings(augment: Augment, trainable: str | int) -> list[str]:
    """Says which settings have no effect.

    Args:
        augment: the section of params.yaml.
        trainable: model.trainable.
    """
    steps = [f"augment.{name}" for name in chosen_steps(augment)]
    if not steps or augment.views > 1 or trainable != "none":
        return []
    verb = "has" if len(steps) == 1 else "have"
    return [
        f"{', '.join(steps)} {verb} no effect with augment.views: 1, unless the backbone is tuned "
        "(model.trainable)"
    ]


def maps_are_equal(features: Path) -> bool:
    """Whether the maps of images do not differ, as far as CHECKED of them show.

    Args:
        features: from `maps.write_maps`.
    """
    maps = np.load(features, mmap_mode="r")
    rows = np.linspace(0, len(maps) - 1, min(CHECKED, len(maps))).astype(int)
    pooled = np.stack([maps[row, 0].mean(axis=(0, 1), dtype=np.float32) for row in rows])
    return bool(np.ptp(pooled, axis=0).max() == 0)
