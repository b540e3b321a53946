"""The plot of augmented training images."""

import numpy as np
import pytest
from PIL import Image

from common.tables.dataset import Dataset
from stages.inspect.views import draw_views, samples, shares_text
from tests.helpers.augment_settings import STILL

NAMES = ["cat", "dog", "a rather long name of a class"]
FLIP = STILL.model_copy(update={"flip": True, "views": 3})
MIXED = FLIP.model_copy(update={"mixup": 1.0, "cutmix": 1.0})
LEVELS = np.array([30, 90, 210], np.uint8)
PIXELS = np.repeat(LEVELS, 8 * 12 * 3).reshape(3, 8, 12, 3)
IDS = np.array(["a", "b", "c"])


def drawn(augment, tuned):
    label = np.arange(3)
    title, images, captions = samples(PIXELS, IDS, label, NAMES, augment, tuned, 1)
    assert len(images) == len(captions)
    assert {(image.shape, image.dtype.name) for image in images} == {((8, 12, 3), "uint8")}
    np.testing.assert_array_equal(images[:3], PIXELS)
    assert captions[:3] == ["plain"] * 3
    return title, images[3:], captions[3:]


def test_cached_views_are_as_many_as_there_are():
    title, _, captions = drawn(FLIP, tuned=False)
    assert title == "Views of training pictures: 3 each"
    assert captions == ["view 1"] * 3 + ["view 2"] * 3
    many = FLIP.model_copy(update={"views": 64})
    assert len(drawn(many, tuned=False)[2]) == 5 * 3
    single = FLIP.model_copy(update={"views": 1})
    assert drawn(single, tuned=False)[2] == []


def test_a_tuned_backbone_sees_new_draws_whatever_the_views():
    title, _, captions = drawn(FLIP, tuned=True)
    assert title == "Training pictures: each step draws new ones, such as these"
    assert captions == [f"draw {number}" for number in range(1, 6) for _ in range(3)]
    title, _, captions = drawn(STILL, tuned=True)
    assert title == "Training pictures: shown as they are, no augmentation is set"
    assert captions == []
    title, _, captions = drawn(STILL.model_copy(update={"mixup": 1.0}), tuned=True)
    assert title == "Training pictures: each step mixes new ones, such as these"
    assert len(captions) == 3


def test_captions_of_mixtures_name_the_shares_that_are_in_the_pixels():
    _, images, captions = drawn(MIXED, tuned=True)
    assert len(captions) == 7 * 3
    values = {"cat": 30, "dog": 90, "a rath… class": 210}
    kinds = []
    for image, caption in zip(images[-6:], captions[-6:], strict=True):
        kind, parts = caption.split(": ")
        kinds.append(kind)
        shares = dict(part.split(" ", 1)[::-1] for part in parts.split("\n+ "))
        mixed_values = {name: value for name, value in values.items() if name in shares}
        assert set(mixed_values) == set(shares), shares
        expected = sum(float(share) * mixed_values[name] for name, share in shares.items())
        assert image.mean() == pytest.approx(expected, abs=3)
        if kind == "cutmix":
            assert set(np.unique(image)) <= set(values.values())
    assert kinds == ["mixup"] * 3 + ["cutmix"] * 3
    assert any("\n+ " in caption for caption in captions)


def test_shares_are_told_largest_first():
    assert shares_text(np.array([0.3, 0.7, 0]), NAMES) == "0.7 dog\n+ 0.3 cat"
    assert shares_text(np.array([1.0, 0, 0]), NAMES) == "1 cat"
    assert shares_text(np.array([0.002, 0, 0.998]), NAMES).count("\n") == 0


def test_the_image_has_a_row_more_for_each_mixture(whole_run, tmp_path):
    train, heights = Dataset(whole_run.path("dataset/train")), []
    for augment in (FLIP, MIXED.model_copy(update={"cutmix": 0.0}), MIXED):
        draw_views(tmp_path / "views.png", train, augment, 2, 1)
        with Image.open(tmp_path / "views.png") as image:
            heights.append(image.height)
    assert heights == sorted(set(heights))
