"""The architecture: a box for each network and layer, and the drawing of them."""

import keras
import numpy as np
import pytest
from PIL import Image

from networks import classifier
from networks.attention import cbam
from networks.backbones.build import build_backbone
from stages.inspect import architecture


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


def test_layers_know_their_inputs():
    maps = keras.Input((3, 3, 16), name="maps")
    boxes = architecture.boxes(keras.Model(maps, cbam(maps)))
    names = [box.name for box in boxes]
    sources = {box.name: [names[source] for source in box.sources] for box in boxes}
    assert sources["maps"] == []
    assert sources["cbam_average"] == ["maps"]
    assert set(sources["cbam_reduce"]) == {"cbam_average", "cbam_largest"}
    assert sources["cbam_expand"] == ["cbam_reduce"]
    assert set(sources["cbam_positions"]) == {"cbam_channels", "attention_weights"}
    weights = boxes[names.index("attention_weights")]
    assert (weights.kind, weights.shape, weights.parameters) == ("Conv2D", (3, 3, 1), 7 * 7 * 2)
    for box in boxes:
        assert all(source < names.index(box.name) for source in box.sources)


def test_a_drawing_is_as_tall_as_its_layers_and_repeats(tmp_path, model):
    head = architecture.boxes(model.get_layer("head"))
    assert [box.name for box in head[1:]] == ["flat", "dense"]
    for name, rows in (("one", head), ("two", head), ("three", head * 2)):
        architecture.draw_architecture(tmp_path / f"{name}.png", rows, 5)
    one, two, three = ((tmp_path / f"{n}.png").read_bytes() for n in ("one", "two", "three"))
    assert one == two
    assert three != one
    with Image.open(tmp_path / "one.png") as short, Image.open(tmp_path / "three.png") as tall:
        assert tall.height - short.height == round(3 * architecture.ROW * 100)


def test_the_architecture_is_networks_then_layers():
    """Two networks of known size, fused, and a head of one weight per channel."""
    backbone = build_backbone(["cnn", "cnn_concat"], (64, 64), "none")
    maps = keras.Input((2, 2, 768))
    x = keras.layers.GlobalAveragePooling2D(name="pooling")(maps)
    head = keras.Model(maps, keras.layers.Dense(1, use_bias=False, name="logits")(x), name="head")
    boxes = architecture.architecture(backbone, head, ["cnn", "cnn_concat"])
    assert [(box.name, box.shape, list(box.sources)) for box in boxes] == [
        ("pixels", (64, 64, 3), []),
        ("cnn", (2, 2, 256), [0]),
        ("cnn_concat", (2, 2, 512), [0]),
        ("fusion", (2, 2, 768), [1, 2]),
        ("pooling", (768,), [3]),
        ("logits", (1,), [4]),
    ]
    assert sum(box.parameters for box in boxes) == backbone.count_params() + 768
    single = architecture.architecture(build_backbone("cnn", (64, 64), "none"), head, ["cnn"])
    assert [list(box.sources) for box in single] == [[], [0], [1], [2]]
