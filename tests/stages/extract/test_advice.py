"""Settings without effect, and maps that are all the same."""

import numpy as np
import pytest

from stages.extract.advice import ineffective_settings, maps_are_equal
from tests.networks.test_augment import STILL

FLIP = STILL.model_copy(update={"flip": True, "views": 3})


@pytest.mark.parametrize(
    ("changes", "trainable", "expected"),
    [
        ({"views": 1}, "none", "augment.flip has no effect with augment.views: 1"),
        ({"views": 1, "hue": 0.1}, "none", "augment.flip, augment.hue have no effect"),
        ({"views": 2}, "none", ""),
        ({"views": 1}, 2, ""),
        ({"views": 1, "flip": False}, "none", ""),
    ],
)
def test_one_view_of_a_frozen_backbone_leaves_out_augmentation(changes, trainable, expected):
    augment = FLIP.model_copy(update=changes)
    texts = ineffective_settings(augment, trainable)
    assert len(texts) == bool(expected)
    assert all(text.startswith(expected) for text in texts)


def test_maps_are_equal_unless_one_differs(tmp_path):
    maps = np.ones((150, 1, 2, 2, 3), np.float16)
    np.save(tmp_path / "equal.npy", maps)
    assert maps_are_equal(tmp_path / "equal.npy")
    maps[149, 0, 0, 0, 0] = 2
    np.save(tmp_path / "other.npy", maps)
    assert not maps_are_equal(tmp_path / "other.npy")
