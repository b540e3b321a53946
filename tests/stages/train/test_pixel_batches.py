"""Batches of decoded images, in any order and as an epoch."""

import numpy as np
import pytest
from PIL import Image

from common.images import encode_png
from common.tables.dataset import Dataset, write_dataset
from common.tables.sampling import Sampling
from networks.augment import Augmenter
from stages.train.pixel_batches import PackedImages, PixelBatches, pixel_batches
from tests.helpers.augment_settings import STILL
from tests.helpers.images import write_numbered_images
from tests.helpers.pipeline import PREPROCESSING
from tests.helpers.training_sets import drawn, sampling_of

N, SIDE = 11, 16


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return write_numbered_images(tmp_path_factory.mktemp("images") / "train", N, SIDE)


def batches_of(dataset, folder, rows=None, weights=None, seed=0):
    rows = np.arange(N) if rows is None else np.array(rows)
    weights = np.ones(len(rows), np.float32) if weights is None else weights
    sampling = Sampling(rows, np.zeros(len(rows), np.int64), weights)
    return PixelBatches(
        PackedImages(dataset, folder), dataset.label, 2, sampling, 4, seed, dataset.image_id
    )


def test_packed_images_are_the_dataset_in_any_order(dataset, tmp_path):
    packed = PackedImages(dataset, tmp_path, batch=3)
    files = dataset.png_at(range(N))
    for row in (10, 0, 4, 3, 0):
        assert packed[row] == files[row]
    assert list(tmp_path.iterdir()) == []  # no name: nothing is left behind, whatever happens


def test_an_epoch_has_every_sample_once_with_its_label_and_weight(dataset, tmp_path):
    rows = [*range(N), 3, 3]
    batches = batches_of(dataset, tmp_path, rows, np.arange(len(rows), dtype=np.float32))
    orders = []
    assert len(batches) == 4
    for epoch in range(3):
        pixels, labels, weights = drawn(batches, epoch)
        assert pixels.dtype == np.uint8
        assert pixels.shape == (13, SIDE, SIDE, 3)
        value = pixels[:, 0, 0, 0]
        assert sorted(value.tolist()) == sorted(rows)
        np.testing.assert_array_equal(labels.argmax(axis=1), value % 2)
        np.testing.assert_array_equal(np.array(rows)[weights.astype(int)], value)
        orders.append(value.tolist())
    assert orders[0] != orders[1] != orders[2]
    again = batches_of(dataset, tmp_path, rows)
    assert drawn(again)[0][:, 0, 0, 0].tolist() == orders[0]


def test_every_sample_of_every_epoch_is_another_view_and_none_the_plain_image(tmp_path):
    """The first pixel says the row, the shift of the ramp below it the view."""
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (2, SIDE, SIDE, 3), np.uint8)
    rows = [
        {
            "png": encode_png(Image.fromarray(image)),
            "path": f"{i}.png",
            "image_id": f"{i:016x}",
            "label": i,
            "group": i,
        }
        for i, image in enumerate(noise)
    ]
    write_dataset(tmp_path / "train", ["a", "b"], PREPROCESSING, rows)
    splits = {name: Dataset(tmp_path / "train") for name in ("train", "val")}
    sampling = {"train": sampling_of([0, 1, 1], [0, 0, 1]), "val": Sampling.plain(2)}
    augmenter = Augmenter(STILL.model_copy(update={"rotation": 0.5, "shift": 0.3}), 1)
    batches = pixel_batches(splits, sampling, 2, 0, tmp_path / "scratch", augmenter)
    seen = []
    for epoch in range(3):
        pixels, labels, _ = drawn(batches["train"], epoch)
        seen += [
            (view.tobytes(), label.argmax()) for view, label in zip(pixels, labels, strict=True)
        ]
    assert len({view for view, _ in seen}) == 9
    assert [label for _, label in seen].count(1) == 6
    expected = {augmenter.view(noise[1], rows[1]["image_id"], n).tobytes() for n in range(1, 7)}
    assert {view for view, label in seen if label == 1} <= expected
    assert {image.tobytes() for image in noise}.isdisjoint(view for view, _ in seen)
    pixels, labels, _ = drawn(batches["val"], 5)
    np.testing.assert_array_equal(pixels[np.argsort(labels.argmax(axis=1))], noise)
