"""The stage on one run of the whole path."""

import numpy as np
import pytest

from common.errors import StageError
from common.files import read_json
from common.images import decode_png
from common.tables.dataset import Dataset
from networks.classifier import load_classifier
from networks.maps import read_maps


def test_maps_are_the_backbones_one_entry_per_image(whole_run):
    train = Dataset(whole_run.path("dataset/train"))
    test = Dataset(whole_run.path("dataset/test"))
    maps = read_maps(whole_run.path("features/train.npy"), train)
    assert maps.shape == (50, 2, 2, 2, 1280)
    assert maps.dtype == np.float16
    assert isinstance(maps, np.memmap)
    assert read_maps(whole_run.path("features/test.npy"), test).shape == (11, 1, 2, 2, 1280)
    backbone = load_classifier(whole_run.path("models/classifier")).backbone
    rows = [0, 49]
    pixels = np.stack([decode_png(train.png_at(rows)[row]) for row in rows])
    expected = backbone(pixels.astype(np.float32)).numpy()
    np.testing.assert_allclose(maps[rows, 0], expected, atol=5e-3, rtol=5e-3)
    assert not np.allclose(maps[rows, 1], expected, atol=0.1)
    metrics = read_json(whole_run.path("m/extract.json"))
    assert metrics["pictures"] == {"train": 50, "val": 11, "test": 11}
    assert metrics["bytes"] == (50 * 2 + 22) * 2 * 2 * 1280 * 2
    with pytest.raises(StageError, match=r"Expected .*train\.npy to hold \(11, views"):
        read_maps(whole_run.path("features/train.npy"), test)
