"""The weights alone and the summary of the layers, saved beside the model."""

import keras
import numpy as np
import pytest

from networks import classifier
from networks.backbones.build import build_backbone
from stages.train import weights_and_summary


@pytest.fixture(scope="module")
def model():
    """A backbone of one layer and a head of two, compiled and fitted as in training."""
    keras.utils.set_random_seed(1)
    pixels = keras.Input((4, 4, 3))
    maps = keras.layers.Conv2D(2, 3, name="only")(pixels)
    inputs = keras.Input((2, 2, 2))
    x = keras.layers.Flatten(name="flat")(inputs)
    head = keras.Model(inputs, keras.layers.Dense(3, "softmax", name="dense")(x), name="head")
    head.compile("adam", "categorical_crossentropy")
    head.fit(np.ones((2, 2, 2, 2)), np.eye(3)[:2], verbose=0)
    return classifier.compose(keras.Model(pixels, maps, name="backbone"), head)


def test_the_weights_alone_make_the_same_model(tmp_path, model):
    files = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        weights_and_summary.save_weights_and_summary(tmp_path / name, model)
        files.append(tmp_path / name / "classifier.weights.h5")
    assert files[0].read_bytes() == files[1].read_bytes()
    other = keras.models.clone_model(model)
    pixels = np.random.default_rng(0).uniform(0, 255, (2, 4, 4, 3)).astype(np.float32)
    assert not np.allclose(other(pixels), model(pixels))
    other.load_weights(files[0])
    np.testing.assert_array_equal(other(pixels), model(pixels))


def test_the_optimizer_is_not_saved(model):
    assert getattr(model.get_layer("head"), "optimizer", None) is None
    # 3 x 3 x 3 x 2 + 2 of the convolution, 8 x 3 + 3 of the dense layer
    assert model.count_params() == 56 + 27


@pytest.mark.parametrize("columns", ["20", "300"])
def test_the_summary_is_the_same_on_every_terminal(model, monkeypatch, columns):
    expected = weights_and_summary.summary_text(model)
    monkeypatch.setenv("COLUMNS", columns)
    assert weights_and_summary.summary_text(model) == expected
    titles = [line for line in expected.splitlines() if line.startswith("Model: ")]
    assert titles == ['Model: "classifier"', 'Model: "backbone"', 'Model: "head"']
    for words in ("only (Conv2D)", "dense (Dense)", "Total params: 83 ", "Total params: 27 "):
        assert words in expected
    assert max(map(len, expected.splitlines())) <= weights_and_summary.WIDTH
    assert "0x" not in expected


def test_the_summary_shows_the_networks_inside():
    backbone = build_backbone(["cnn", "cnn_concat"], (64, 64), "none")
    maps = keras.Input((2, 2, 768))
    x = keras.layers.GlobalAveragePooling2D(name="pooling")(maps)
    head = keras.Model(maps, keras.layers.Dense(1, name="logits")(x), name="head")
    text = weights_and_summary.summary_text(classifier.compose(backbone, head))
    assert 'Model: "cnn_concat"' in text
    assert "block4_3x3 (Conv2D)" in text
