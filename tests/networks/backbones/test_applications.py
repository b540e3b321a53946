"""Each family of keras.applications against Keras's own model: same weights, same maps."""

import keras
import numpy as np
import pytest

from networks.backbones.applications import applications
from networks.backbones.build import build_backbone
from tests.helpers.network_maps import SIZE, layers_of, maps_of, photographs, randomise

APPLICATIONS = keras.applications
# The smallest member of each family (module of Keras): its constructor, least images it takes.
FAMILIES = {
    "convnext": ("ConvNeXtTiny", SIZE),
    "densenet": ("DenseNet121", SIZE),
    "efficientnet": ("EfficientNetB0", SIZE),
    "efficientnet_v2": ("EfficientNetV2B0", SIZE),
    "inception_resnet_v2": ("InceptionResNetV2", (75, 80)),
    "inception_v3": ("InceptionV3", (75, 80)),
    "mobilenet": ("MobileNet", SIZE),
    "mobilenet_v2": ("MobileNetV2", SIZE),
    "mobilenet_v3": ("MobileNetV3Small", SIZE),
    "nasnet": ("NASNetMobile", SIZE),
    "resnet": ("ResNet50", SIZE),
    "resnet_v2": ("ResNet50V2", SIZE),
    "vgg16": ("VGG16", SIZE),
    "vgg19": ("VGG19", SIZE),
    "xception": ("Xception", (71, 80)),
}


def test_no_family_is_missing():
    modules = {maker.__module__.rsplit(".", 1)[-1] for maker in applications().values()}
    assert modules == set(FAMILIES)


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_maps_are_those_of_keras_itself(family):
    maker, size = FAMILIES[family]
    constructor = getattr(APPLICATIONS, maker)
    preprocess_input = getattr(APPLICATIONS, family).preprocess_input
    pixels = photographs(size)
    reference = constructor(include_top=False, weights=None, input_shape=(*size, 3))
    inputs = preprocess_input(pixels.copy())
    randomise(reference, inputs)
    backbone = build_backbone(maker, size, weights="none")
    backbone.set_weights(reference.get_weights())
    for model in (reference, backbone):
        for layer in layers_of(model):
            if isinstance(layer, keras.layers.Normalization):
                layer.finalize_state()  # it computes with copies made at this call
    expected = maps_of(reference, inputs)
    received = maps_of(backbone, pixels)
    span = np.ptp(expected)
    assert np.isfinite(span)
    np.testing.assert_allclose(received, expected, rtol=0, atol=1e-4 * span)
    # The weights let a wrong preprocessing be seen: other channels, another scale, another offset.
    others = maps_of(backbone, np.concatenate([pixels[..., ::-1], 0.9 * pixels, pixels + 10]))
    for other in np.split(others, 3):
        assert np.abs(other - expected).max() > 0.01 * span


def test_efficientnet_b_by_path_sees_what_keras_would_show_it(tmp_path):
    """Weights with ImageNet's statistics get Keras's second division of the input."""
    pixels = photographs()
    network = APPLICATIONS.EfficientNetB0(include_top=False, weights=None, input_shape=(*SIZE, 3))
    norm = network.get_layer(
        next(x.name for x in network.layers if x.name.startswith("normalization"))
    )
    statistics = [[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]]
    norm.set_weights([*(np.float32(x) for x in statistics), np.int32(0)])
    norm.finalize_state()
    network.save_weights(tmp_path / "b0.weights.h5")
    backbone = build_backbone("efficientnet_b0", SIZE, str(tmp_path / "b0.weights.h5"))

    before = keras.Model(network.input, norm.output)
    after = keras.Model(network.get_layer("stem_conv_pad").input, network.output)
    factor = 1 / np.sqrt(np.float32([0.229, 0.224, 0.225]))
    expected = maps_of(after, maps_of(before, pixels) * factor)
    plain = maps_of(network, pixels)
    assert np.abs(expected - plain).max() > 1e-3 * np.ptp(expected)
    np.testing.assert_allclose(
        maps_of(backbone, pixels), expected, rtol=0, atol=1e-4 * np.ptp(expected)
    )
