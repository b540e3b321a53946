"""Attention drawn: which images, which channels, and which files."""

import numpy as np
import pytest
from PIL import Image

from common.tables.dataset import Dataset
from networks import heads
from stages.inspect import attention
from stages.inspect.attention import (
    by_class,
    draw_attention,
    draw_channels_and_classes,
    most_different,
)
from tests.helpers.training_sets import PLAIN


def maps_of(shape=(2, 2, 3, 16)):
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def test_channels_that_tell_classes_apart_come_first_and_by_class():
    label = np.array([3, 3, 5, 5])
    weights = np.array(
        [
            [0.5, 0.1, 0.9, 0.2],
            [0.5, 0.1, 0.7, 0.2],
            [0.5, 0.9, 0.2, 0.3],
            [0.5, 0.7, 0.2, 0.3],
        ]
    )
    means, within = by_class(weights, label)
    np.testing.assert_allclose(means, [[0.5, 0.1, 0.8, 0.2], [0.5, 0.8, 0.2, 0.3]])
    assert within == pytest.approx((0.1 + 0.1) / 8)  # channel 2 of class 3 and channel 1 of class 5
    assert most_different(means, 3).tolist() == [2, 1, 3]
    assert most_different(means, 1).tolist() == [1]
    assert sorted(most_different(means, 9).tolist()) == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("name", "files"),
    [
        ("none", ["none.png"]),
        ("pool", ["positions.png"]),
        ("mha", ["positions.png"]),
        ("se", ["channels.png"]),
        ("cbam", ["channels.png", "positions.png"]),
    ],
)
def test_the_drawings_are_those_that_the_attention_allows(
    whole_run, tmp_path, monkeypatch, name, files
):
    monkeypatch.setattr(attention, "BATCH", 4)
    dataset = Dataset(whole_run.path("dataset/val"))
    head = heads.build_head((2, 2, 16), 3, name, PLAIN)
    maps, asked = maps_of((dataset.n, 2, 2, 16)), []

    def maps_at(rows):
        asked.append(len(rows))
        return maps[rows]

    for folder in ("one", "two"):
        draw_attention(tmp_path / folder, head, dataset, maps_at)
        assert sorted(file.name for file in (tmp_path / folder).iterdir()) == files
    for file in files:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()
        with Image.open(tmp_path / "one" / file) as image:
            assert min(image.size) >= 150
    if "channels.png" in files:
        assert asked[-3:] == [4, 4, 3]  # all 11 images, a few at a time


def test_few_and_many_classes_of_channel_weights_fit_a_page(tmp_path):
    numbers = np.random.default_rng(0)
    for classes, channels in ((1, 3), (2, 24), (20, 24)):
        path = tmp_path / f"{classes}.png"
        names = [f"a class with a rather long name, number {i}" for i in range(classes)]
        draw_channels_and_classes(
            path,
            "title\nand more",
            numbers.uniform(size=(30, 1280)),
            numbers.uniform(size=(classes, channels)),
            names,
            numbers.integers(0, 1280, channels),
            "the table",
        )
        with Image.open(path) as image:
            assert min(image.size) >= 150
            assert max(image.size) <= 2000
            assert np.asarray(image.convert("L")).std() > 5
