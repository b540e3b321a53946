import numpy as np
import pytest
from PIL import Image

from common.errors import StageError
from common.images import decode_png, load_pixels
from common.preprocessing import Greys, Preprocessing
from stages.split.resizing import resized_rows
from tests.helpers.images import image_bytes, make_image
from tests.helpers.manifests import manifest_of

PREPROCESSING = Preprocessing((24, 32), "crop", 10_000)


def test_rows_hold_the_image_as_the_model_will_see_it(tmp_path):
    (tmp_path / "b").mkdir()
    data = image_bytes(make_image(1, (60, 40)))
    (tmp_path / "b/0.jpg").write_bytes(data)
    manifest = manifest_of(["b"], groups=[7])
    (row,) = resized_rows(manifest, tmp_path, ["a", "b"], PREPROCESSING)
    assert (row["path"], row["label"], row["group"]) == ("b/0.jpg", 1, 7)
    assert row["image_id"] == manifest["image_id"][0]
    expected = load_pixels(data, PREPROCESSING)
    assert np.array_equal(decode_png(row["png"]), np.asarray(expected))


def test_deep_greys_are_scaled_as_the_set_asks(tmp_path):
    (tmp_path / "b").mkdir()
    grey = Image.fromarray(np.full((24, 32), 2048, np.uint16))
    (tmp_path / "b/0.jpg").write_bytes(image_bytes(grey))
    asked = PREPROCESSING._replace(greys=Greys(whole=(0.0, 8191.0)))
    (row,) = resized_rows(manifest_of(["b"]), tmp_path, ["b"], asked)
    assert (decode_png(row["png"]) == 64).all()  # 2048 * 255 / 8191 = 63.76; by itself: 128


def test_a_file_that_is_gone_or_changed_is_named(tmp_path):
    manifest = manifest_of(["b"])
    with pytest.raises(StageError, match=r"b/0\.jpg as the clean stage saw it"):
        list(resized_rows(manifest, tmp_path, ["b"], PREPROCESSING))
    (tmp_path / "b").mkdir()
    (tmp_path / "b/0.jpg").write_bytes(b"gone")
    with pytest.raises(StageError, match=r"b/0\.jpg as the clean stage saw it"):
        list(resized_rows(manifest, tmp_path, ["b"], PREPROCESSING))
