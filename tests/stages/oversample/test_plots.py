import numpy as np
import pytest

from stages.oversample.methods import METHODS

IMAGES, SAMPLES = np.array([6, 2]), np.array([6, 6])
ONES = np.ones(2, np.float32)


def bars_of(method, images=IMAGES, samples=IMAGES, weights=ONES):
    parts, ends = METHODS[method].bars(images, samples, weights)
    return {name: values.tolist() for name, values in parts.items()}, ends


@pytest.mark.parametrize(
    ("method", "added"),
    [("random", "repeats"), ("target_ratio", "repeats"), ("smote", "synthetic")],
)
def test_what_is_added_stands_behind_the_images(method, added):
    parts, ends = bars_of(method, samples=SAMPLES)
    assert parts == {"pictures": [6, 2], added: [0, 4]}
    assert ends == ["6", "2 → 6"]
    assert bars_of(method) == ({"pictures": [6, 2]}, ["6", "2"])


def test_what_is_left_out_is_drawn_too():
    parts, ends = bars_of("undersample", samples=np.array([2, 2]))
    assert parts == {"kept": [2, 2], "left out": [4, 0]}
    assert ends == ["2 of 6", "2 of 2"]


def test_weights_stand_at_the_bars():
    parts, ends = bars_of("class_weight", weights=np.array([2 / 3, 2], np.float32))
    assert parts == {"pictures": [6, 2]}
    assert ends == ["6 × 0.667", "2 × 2"]
