"""Every kind of backbone: names, layers, saving, and several fused into one."""

import json

import keras
import numpy as np
import pytest

from stages.common.errors import StageError
from stages.nn.backbones import backbone_names, build_backbone
from tests.network_maps import SIZE, maps_of, photographs

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
        keras.utils.set_random_seed(seed)
        return build_backbone("mobilenet", (32, 32), weights="none").get_weights()[0]

    np.testing.assert_array_equal(weights(1), weights(1))
    assert not np.array_equal(weights(1), weights(2))


@pytest.mark.parametrize(("name", "minimum"), [("efficientnet_lite0", 32), ("xception", 71)])
def test_small_pictures(name, minimum):
    words = rf"split.image_size of at least \[{minimum}, {minimum}\].*Received: \[96, {minimum - 1}"
    with pytest.raises(StageError, match=words):
        build_backbone(name, (96, minimum - 1), weights="none")


class TestLayer:
    def test_named_layer(self, pixels):
        whole = build_backbone("efficientnet_lite0", SIZE)
        part = build_backbone("efficientnet_lite0", SIZE, layer="block5c_add")
        assert part.output_shape == (None, 4, 5, 112)
        inner = keras.Model(whole.input, whole.get_layer("block5c_add").output)
        np.testing.assert_array_equal(maps_of(part, pixels), maps_of(inner, pixels))

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
