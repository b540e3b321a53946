"""The composed model: opened again after saving, and refused where its bytes changed."""

import numpy as np
import pytest

from common.errors import StageError
from common.files import sha256_of
from common.preprocessing import Preprocessing
from common.schema import Head
from networks import classifier, heads
from networks.backbones.build import build_backbone
from networks.runtime import configure
from stages.train.saving import save_classifier

FULL = Head(
    start="random",
    noise=0.1,
    norm="batch",
    pooling="max",
    dropout=0.3,
    units=8,
    activation="gelu",
    l2=1e-3,
    output="auto",
)


@pytest.fixture(scope="module")
def composed():
    configure(3, 2)
    backbone = build_backbone("efficientnet_lite0", (64, 64), "imagenet")
    head = heads.build_head(backbone.output_shape[1:], 3, "cbam", FULL)
    return backbone, head, classifier.compose(backbone, head)


CARD = {
    "class_names": list("abc"),
    "image_size": [64, 64],
    "resize": "crop",
    "max_pixels": 9,
    "frozen": False,
}


def pixels_of(n=3):
    return np.random.default_rng(1).integers(0, 256, (n, 64, 64, 3)).astype(np.float32)


def test_the_saved_model_is_whole_and_opens_again(tmp_path, composed):
    backbone, head, model = composed
    save_classifier(tmp_path, model, CARD)
    opened = classifier.load_classifier(tmp_path)
    expected = head(backbone(pixels_of(), training=False), training=False).numpy()
    np.testing.assert_allclose(opened.model(pixels_of()).numpy(), expected, atol=1e-6)
    maps = opened.backbone(pixels_of())
    np.testing.assert_allclose(opened.head(maps).numpy(), expected, atol=1e-6)
    assert opened.model.input_shape == (None, 64, 64, 3)
    assert opened.class_names == ["a", "b", "c"]
    assert opened.preprocessing == Preprocessing((64, 64), "crop", 9)
    assert opened.frozen is False


def test_a_model_whose_bytes_changed_is_refused(tmp_path, composed):
    save_classifier(tmp_path, composed[2], CARD)
    file = tmp_path / classifier.MODEL_FILE
    checksum = sha256_of(file)
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    with pytest.raises(StageError, match=f"with sha256 {checksum}"):
        classifier.load_classifier(tmp_path)
    file.unlink()
    with pytest.raises(StageError, match=r"no classifier\.keras"):
        classifier.load_classifier(tmp_path)
