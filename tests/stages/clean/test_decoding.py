import hashlib

import numpy as np
import pytest
from PIL import Image

from common.images import ImageError
from common.params import read_params
from common.preprocessing import Greys
from stages.clean.decoding import decode_all, decode_file, scratch_thumbs
from stages.clean.duplicates.fingerprints import fingerprint
from stages.clean.labels.class_folders import LabelledFile
from tests.helpers.images import image_bytes, make_image
from tests.helpers.pipeline import ROOT

CLEAN = read_params(ROOT / "params.yaml").clean


def test_an_image_by_hand(tmp_path):
    data = image_bytes(make_image(1, (60, 48)).convert("L"))
    (tmp_path / "1.jpg").write_bytes(data)
    row = decode_file(tmp_path / "1.jpg", CLEAN, Greys())
    sha256 = hashlib.sha256(data).hexdigest()
    assert (row["image_id"], row["sha256"]) == (sha256[:16], sha256)
    assert (row["width"], row["height"], row["bytes"]) == (60, 48, len(data))
    assert (row["format"], row["mode"], row["colourfulness"]) == ("PNG", "L", 0)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (make_image(1, (23, 60)), "too_small: 23x60 px, limit 24 px"),
        (make_image(1, (24 * 13, 24)), "bad_aspect: 312x24 px, limit 12.0:1"),
        (Image.new("RGB", (60, 60), "grey"), "no_content: standard deviation 0.00, limit 2.0"),
    ],
)
def test_images_beyond_a_limit(tmp_path, image, message):
    (tmp_path / "1.png").write_bytes(image_bytes(image))
    with pytest.raises(ImageError) as caught:
        decode_file(tmp_path / "1.png", CLEAN, Greys())
    assert str(caught.value) == message


def test_rows_and_thumbnails_are_of_the_usable_images_alone(tmp_path):
    images = [make_image(seed) for seed in (1, 2)]
    for name, data in zip(
        "abc", [image_bytes(images[0]), b"", image_bytes(images[1])], strict=True
    ):
        (tmp_path / name).write_bytes(data)
    files = [LabelledFile("a", "x", "train"), LabelledFile("b", "x", None)]
    files.append(LabelledFile("c", "y", None))
    with scratch_thumbs(3) as thumbs:
        rows, rejected = decode_all(tmp_path, files, CLEAN, Greys(), thumbs)
        for thumb, image in zip(thumbs, images, strict=False):
            assert np.array_equal(thumb, fingerprint(image.convert("L")).thumb)
        assert not thumbs[2].any()
    assert rows["path"].tolist() == ["a", "c"]
    assert rows["given_split"].fillna("none").tolist() == ["train", "none"]
    assert [(row["path"], row["reason"], row["detail"]) for row in rejected] == [
        ("b", "empty", "0 bytes")
    ]
