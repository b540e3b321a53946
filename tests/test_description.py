"""What is saved beside the model, and the drawing of its layers."""

import keras
import numpy as np
import pytest
from PIL import Image

from stages.common import plots_layers
from stages.nn import classifier, description
from stages.nn.attention import cbam
from stages.nn.backbones import build_backbone


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
        description.save_description(tmp_path / name, model)
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
    expected = description.summary_text(model)
    monkeypatch.setenv("COLUMNS", columns)
    assert description.summary_text(model) == expected
    titles = [line for line in expected.splitlines() if line.startswith("Model: ")]
    assert titles == ['Model: "classifier"', 'Model: "backbone"', 'Model: "head"']
    for words in ("only (Conv2D)", "dense (Dense)", "Total params: 83 ", "Total params: 27 "):
        assert words in expected
    assert max(map(len, expected.splitlines())) <= description.WIDTH
    assert "0x" not in expected


def test_layers_know_their_inputs():
    maps = keras.Input((3, 3, 16), name="maps")
    found = description.boxes(keras.Model(maps, cbam(maps)))
    names = [box.name for box in found]
    sources = {box.name: [names[source] for source in box.sources] for box in found}
    assert sources["maps"] == []
    assert sources["cbam_average"] == ["maps"]
    assert set(sources["cbam_reduce"]) == {"cbam_average", "cbam_largest"}
    assert sources["cbam_expand"] == ["cbam_reduce"]
    assert set(sources["cbam_positions"]) == {"cbam_channels", "attention_weights"}
    weights = found[names.index("attention_weights")]
    assert (weights.kind, weights.shape, weights.parameters) == ("Conv2D", (3, 3, 1), 7 * 7 * 2)
    for box in found:
        assert all(source < names.index(box.name) for source in box.sources)


def test_a_drawing_is_as_tall_as_its_layers_and_repeats(tmp_path, model):
    head = description.boxes(model.get_layer("head"))
    assert [box.name for box in head[1:]] == ["flat", "dense"]
    for name, rows in (("one", head), ("two", head), ("three", head * 2)):
        plots_layers.layers(tmp_path / f"{name}.png", "A head", rows)
    one, two, three = ((tmp_path / f"{n}.png").read_bytes() for n in ("one", "two", "three"))
    assert one == two
    assert three != one
    with Image.open(tmp_path / "one.png") as short, Image.open(tmp_path / "three.png") as tall:
        assert tall.height - short.height == round(3 * plots_layers.ROW * 100)


def test_the_architecture_is_networks_then_layers():
    """Two networks of known size, fused, and a head of one weight per channel."""
    backbone = build_backbone(["cnn", "cnn_concat"], (64, 64), "none")
    maps = keras.Input((2, 2, 768))
    x = keras.layers.GlobalAveragePooling2D(name="pooling")(maps)
    head = keras.Model(maps, keras.layers.Dense(1, use_bias=False, name="logits")(x), name="head")
    found = description.architecture(backbone, head, ["cnn", "cnn_concat"])
    assert [(box.name, box.shape, list(box.sources)) for box in found] == [
        ("pixels", (64, 64, 3), []),
        ("cnn", (2, 2, 256), [0]),
        ("cnn_concat", (2, 2, 512), [0]),
        ("fusion", (2, 2, 768), [1, 2]),
        ("pooling", (768,), [3]),
        ("logits", (1,), [4]),
    ]
    assert sum(box.parameters for box in found) == backbone.count_params() + 768
    text = description.summary_text(classifier.compose(backbone, head))
    assert 'Model: "cnn_concat"' in text
    assert "block4_3x3 (Conv2D)" in text
    one = description.architecture(build_backbone("cnn", (64, 64), "none"), head, ["cnn"])
    assert [list(box.sources) for box in one] == [[], [0], [1], [2]]
