"""Every kind of backbone: names, layers, saving, and several fused into one."""

import importlib
import json
import re

import keras
import numpy as np
import pytest

from common.errors import StageError
from common.schema import Head
from networks.backbones.build import FAMILIES, at_grid, backbone_names, build_backbone
from networks.classifier import compose, load_classifier
from networks.heads import build_head
from networks.runtime import set_seed
from stages.train.saving import save_classifier
from tests.helpers.network_maps import SIZE, maps_of, photographs, randomise
from tests.helpers.pipeline import ROOT

KINDS = [
    "vgg16",  # BGR, mean subtracted
    "mobilenet",  # [-1, 1]
    "densenet121",  # mean and deviation
    "efficientnet_b0",  # preprocessing inside
    "mobilenet_v3_small",  # inside
    "convnext_tiny",  # models inside
    "efficientnet_lite0",
    "cnn",
    "cnn_concat",
]


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    return photographs(SIZE)


def test_every_file_that_defines_a_family_is_listed():
    files = sorted((ROOT / "networks/backbones").glob("*.py"))
    stems = [file.stem for file in files if re.search(r"^FAMILY\b", file.read_text(), re.M)]
    defined = [importlib.import_module(f"networks.backbones.{stem}").FAMILY for stem in stems]
    assert len(FAMILIES) == len(defined)
    assert set(FAMILIES) == set(defined)


def test_names():
    names = backbone_names()
    assert names == sorted(set(names))
    assert len(names) >= 43
    assert {
        "convnext_tiny",
        "convnext_xlarge",
        "densenet121",
        "efficientnet_b0",
        "efficientnet_lite2",
        "efficientnet_v2_b0",
        "efficientnet_v2_s",
        "inception_resnet_v2",
        "inception_v3",
        "mobilenet",
        "mobilenet_v2",
        "mobilenet_v3_large",
        "nasnet_large",
        "resnet101",
        "resnet50_v2",
        "vgg19",
        "xception",
    } <= set(names)


@pytest.mark.parametrize("name", ["VGG16", "vgg_16", "vgg16", "Vgg16"])
def test_case_and_underscores_do_not_matter(name):
    model = build_backbone(name, (32, 32), weights="none")
    assert model.name == "backbone"
    assert model.output_shape == (None, 1, 1, 512)


def test_unknown_name():
    with pytest.raises(StageError, match=r"Received: 'resnet5'.*mean resnet50") as error:
        build_backbone("resnet5", SIZE)
    assert all(name in str(error.value) for name in backbone_names())


@pytest.mark.parametrize("name", KINDS)
def test_saved_file_loads_without_our_code(name, pixels, tmp_path):
    backbone = build_backbone(name, SIZE, weights="none")
    assert backbone.input.shape == (None, *SIZE, 3)
    assert backbone.input.dtype == backbone.output.dtype == "float32"
    backbone.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(maps_of(loaded, pixels), maps_of(backbone, pixels))
    names = [layer.name for layer in backbone.layers]
    assert [layer.name for layer in loaded.layers] == names
    config = json.dumps(loaded.get_config())
    assert "stages." not in config
    assert "Lambda" not in config


def test_lite_uses_its_packaged_weights(pixels):
    first, second = (build_backbone("efficientnet_lite0", SIZE) for _ in range(2))
    assert first.output_shape == (None, 2, 3, 1280)
    np.testing.assert_array_equal(maps_of(first, pixels), maps_of(second, pixels))


def test_random_weights_follow_the_seed():
    def weights(seed):
        set_seed(seed)
        return build_backbone("mobilenet", (32, 32), weights="none").get_weights()[0]

    try:
        np.testing.assert_array_equal(weights(1), weights(1))
        assert not np.array_equal(weights(1), weights(2))
    finally:
        set_seed(0)


def test_random_weights_are_the_same_whatever_was_built_before():
    first = build_backbone("cnn", (32, 32), "none").get_weights()
    other = build_backbone("cnn_concat", (32, 32), "none").get_weights()
    fused = build_backbone(["mobilenet", "cnn"], (32, 32), "none").get_layer("cnn").get_weights()
    for left, right in zip(first, fused, strict=True):
        np.testing.assert_array_equal(left, right)
    assert first[0].shape == other[0].shape
    assert not np.array_equal(first[0], other[0])


@pytest.mark.parametrize(("name", "minimum"), [("efficientnet_lite0", 32), ("xception", 71)])
def test_small_images(name, minimum):
    words = rf"split.image_size of at least \[{minimum}, {minimum}\].*Received: \[96, {minimum - 1}"
    with pytest.raises(StageError, match=words):
        build_backbone(name, (96, minimum - 1), weights="none")


class TestLayer:
    def test_named_layer(self, pixels):
        whole = build_backbone("efficientnet_lite0", SIZE)
        shortened = build_backbone("efficientnet_lite0", SIZE, layer="block5c_add")
        assert shortened.output_shape == (None, 4, 5, 112)
        inner = keras.Model(whole.input, whole.get_layer("block5c_add").output)
        np.testing.assert_array_equal(maps_of(shortened, pixels), maps_of(inner, pixels))

    def test_unknown(self):
        with pytest.raises(StageError, match=r"'block5c_ad'.*mean block5c_add") as error:
            build_backbone("efficientnet_lite0", SIZE, "none", layer="block5c_ad")
        assert "top_activation (2, 3, 1280)" in str(error.value)

    def test_not_maps(self):
        with pytest.raises(StageError, match=r"to give maps .*\(None, 96\)"):
            build_backbone("efficientnet_b0", SIZE, "none", layer="block2a_se_squeeze")

    def test_names_that_keras_made_do_not_depend_on_what_was_built_before(self):
        for _ in range(2):
            model = build_backbone("mobilenet_v3_small", SIZE, "none", layer="activation_11")
            assert model.output_shape == (None, 4, 5, 288)


def test_float32_maps_under_a_mixed_policy():
    before = keras.config.dtype_policy()
    try:
        keras.config.set_dtype_policy("mixed_bfloat16")
        backbone = build_backbone("mobilenet", (32, 32), weights="none")
    finally:
        keras.config.set_dtype_policy(before)
    assert backbone.output.dtype == "float32"
    assert backbone.get_layer("preprocessing").compute_dtype == "float32"
    assert backbone.get_layer("conv1").compute_dtype == "bfloat16"


def test_own_networks_are_among_the_names():
    assert {"cnn", "cnn_concat"} <= set(backbone_names())
    with pytest.raises(StageError, match=r"Received: 'cnn_conct'.*mean cnn_concat"):
        build_backbone(["vgg16", "cnn_conct"], SIZE, "none")


# Weights of `before` positions in `after` of them, along one side, worked out by hand. Linear: the
# middle of a new position lies at (i + 1/2) before/after - 1/2 of the old ones.
STEPS = {
    (2, 2): np.eye(2),
    (3, 2): [[3 / 4, 1 / 4, 0], [0, 1 / 4, 3 / 4]],
    (4, 2): [[1 / 2, 1 / 2, 0, 0], [0, 0, 1 / 2, 1 / 2]],
    (8, 2): np.repeat(np.eye(2), 4, axis=1) / 4,
    (10, 2): np.repeat(np.eye(2), 5, axis=1) / 5,
    # Means of threes, the first and last of what is left, then four to three.
    (10, 3): np.array([[5 / 6, 1 / 6, 0, 0], [0, 1 / 2, 1 / 2, 0], [0, 0, 1 / 6, 5 / 6]])
    @ [
        [1 / 2, 1 / 2, 0, 0, 0, 0, 0, 0, 0, 0],
        [0, 0, 1 / 3, 1 / 3, 1 / 3, 0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 1 / 3, 1 / 3, 1 / 3, 0, 0],
        [0, 0, 0, 0, 0, 0, 0, 0, 1 / 2, 1 / 2],
    ],
}


def by_hand(maps: np.ndarray, height: int, width: int) -> np.ndarray:
    rows, columns = STEPS[maps.shape[1], height], STEPS[maps.shape[2], width]
    return np.einsum("ij,njkc,lk->nilc", rows, maps, columns)


class TestFused:
    def test_maps_are_those_of_each_one_at_the_smallest_grid(self, pixels):
        names, layers = ["efficientnet_lite0", "vgg16", "cnn_concat"], [None, "block3_pool", None]
        fused = build_backbone(names, SIZE, "none", layers)
        assert fused.output_shape == (None, 2, 2, 1280 + 256 + 512)
        parts, sizes = [], []
        for name, layer in zip(names, layers, strict=True):
            inside = fused.get_layer(name)
            randomise(inside, pixels)
            single = build_backbone(name, SIZE, "none", layer)
            single.set_weights(inside.get_weights())
            sizes.append(single.output_shape[1:3])
            parts.append(by_hand(maps_of(single, pixels), 2, 2))
        assert sizes == [(2, 3), (8, 10), (2, 2)]
        received = np.split(maps_of(fused, pixels), [1280, 1536], axis=-1)
        for maps, expected in zip(received, parts, strict=True):
            assert np.ptp(expected) > 0
            np.testing.assert_allclose(maps, expected, rtol=0, atol=1e-5 * np.ptp(expected))

    @pytest.mark.parametrize("grid", [(2, 3), (2, 2)])
    def test_grid(self, grid):
        maps = np.random.default_rng(1).normal(size=(2, 4, 10 if grid[1] == 3 else 3, 5))
        inputs = keras.Input(maps.shape[1:])
        model = keras.Model(inputs, at_grid(inputs, grid))
        np.testing.assert_allclose(maps_of(model, maps), by_hand(maps, *grid), atol=1e-6)

    @pytest.mark.parametrize("size", [(28, 28), (29, 31), (19, 10), (10, 10)])
    def test_every_position_has_a_part_and_a_gradient(self, size):
        import tensorflow as tf

        inputs = keras.Input((*size, 2))
        model = keras.Model(inputs, at_grid(inputs, (10, 10)))
        assert model.output_shape == (None, 10, 10, 2)
        np.testing.assert_allclose(maps_of(model, np.ones((1, *size, 2))), 1, atol=1e-6)
        gradients = []
        for _ in range(2):
            maps = tf.ones((4, *size, 2))
            with tf.GradientTape() as tape:
                tape.watch(maps)
                total = tf.reduce_sum(model(maps))
            gradients.append(tape.gradient(total, maps).numpy())
        assert gradients[0].min() > 0
        np.testing.assert_array_equal(*gradients)

    def test_a_list_of_one_is_that_one(self, pixels):
        listed = build_backbone(["MobileNet"], SIZE, ["none"], ["conv_pw_6_relu"])
        alone = build_backbone("mobilenet", SIZE, "none", "conv_pw_6_relu")
        assert [layer.name for layer in listed.layers] == [layer.name for layer in alone.layers]
        assert [weight.path for weight in listed.weights] == [
            weight.path for weight in alone.weights
        ]
        np.testing.assert_array_equal(maps_of(listed, pixels), maps_of(alone, pixels))

    def test_paths_of_weights_are_different_and_repeat(self):
        names = ["vgg16", "vgg19"]
        paths = [[w.path for w in build_backbone(names, SIZE, "none").weights] for _ in range(2)]
        assert paths[0] == paths[1]
        assert len(set(paths[0])) == len(paths[0])

    def test_weights_for_each(self, pixels):
        fused = build_backbone(["efficientnet_lite0", "cnn"], SIZE, ["imagenet", "none"])
        lite = build_backbone("efficientnet_lite0", SIZE)
        assert fused.output_shape == (None, 2, 2, 1280 + 256)
        # 2 x 3 maps of the first, 2 x 2 of the second.
        expected = by_hand(maps_of(lite, pixels), 2, 2)
        np.testing.assert_allclose(maps_of(fused, pixels)[..., :1280], expected, atol=1e-5)

    def test_the_same_twice(self):
        with pytest.raises(StageError, match=r"more than once vgg16, in \[vgg16, cnn, vgg16\]"):
            build_backbone(["vgg16", "cnn", "VGG_16"], SIZE, "none")

    def test_unknown_layer_of_one(self):
        with pytest.raises(StageError, match=r"a layer of cnn\. Received: 'block5_conv3'"):
            build_backbone(["vgg16", "cnn"], SIZE, "none", ["block5_conv3", "block5_conv3"])

    def test_float32_maps_under_a_mixed_policy(self):
        before = keras.config.dtype_policy()
        try:
            keras.config.set_dtype_policy("mixed_bfloat16")
            fused = build_backbone(["mobilenet", "cnn"], SIZE, "none")
        finally:
            keras.config.set_dtype_policy(before)
        assert fused.output.dtype == "float32"
        assert fused.get_layer("mobilenet").output.dtype == "float32"
        assert fused.get_layer("cnn").get_layer("block1_conv1").compute_dtype == "bfloat16"

    def test_saved_classifier_opens_again(self, pixels, tmp_path):
        head = Head(
            start="random", noise=0.0, norm="batch", pooling="avg", dropout=0.0, units=0,
            activation="relu", l2=0.0, output="auto",
        )  # fmt: skip
        fused = build_backbone(["vgg16", "mobilenet", "cnn"], SIZE, "none")
        randomise(fused, pixels)
        model = compose(fused, build_head(fused.output_shape[1:], 3, "none", head))
        card = {"class_names": ["a", "b", "c"], "image_size": SIZE, "resize": "crop"}
        for name in ("one", "two"):
            (tmp_path / name).mkdir()
            save_classifier(tmp_path / name, model, card | {"max_pixels": 9, "frozen": True})
        files = [tmp_path / name / "classifier.keras" for name in ("one", "two")]
        assert files[0].read_bytes() == files[1].read_bytes()
        opened = load_classifier(tmp_path / "one")
        np.testing.assert_array_equal(maps_of(opened.backbone, pixels), maps_of(fused, pixels))
        np.testing.assert_allclose(maps_of(opened.model, pixels), maps_of(model, pixels), atol=1e-6)
        assert "stages." not in json.dumps(opened.model.get_config())
