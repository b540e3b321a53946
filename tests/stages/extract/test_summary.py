"""Metrics and the closing line of extraction, by hand."""

from networks.engine import BFLOAT16, OPENVINO, Engine
from stages.extract.summary import metrics_of, stored_bytes, summary_of

SHAPES = {"train": (50, 2, 3, 4, 5), "val": (10, 1, 3, 4, 5), "test": (5, 1, 3, 4, 5)}
ENGINE = Engine(OPENVINO, BFLOAT16)
N_IMAGES = {"train": 50, "val": 10, "test": 5}


def test_numbers():
    assert stored_bytes(SHAPES) == (100 + 10 + 5) * 3 * 4 * 5 * 2
    assert metrics_of(["vgg16", "cnn"], 1234, (3, 4, 5), SHAPES, N_IMAGES, ENGINE) == {
        "backbone": "vgg16 + cnn",
        "parameters": 1234,
        "map_shape": [3, 4, 5],
        "views": 2,
        "pictures": N_IMAGES,
        "bytes": 13_800,
        "engine": "openvino",
        "precision": "bfloat16",
    }
    without = metrics_of(["cnn"], 1234, (3, 4, 5), {}, N_IMAGES, ENGINE)
    assert (without["views"], without["bytes"]) == (None, 0)


def test_words():
    shapes = SHAPES | {"test": (1000, 1, 300, 4, 5)}
    assert summary_of(["vgg16", "cnn"], (3, 4, 5), shapes, ENGINE) == (
        "1,110 views through vgg16 + cnn by openvino in bfloat16, maps 3x4x5, 12 MB"
    )
    expected = "nothing to cache: cnn starts from random weights"
    assert summary_of(["cnn"], (3, 4, 5), {}, ENGINE) == expected
