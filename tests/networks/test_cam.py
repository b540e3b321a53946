"""Heat maps of networks whose right answer is known, and by hand."""

import keras
import numpy as np
import pytest

from common.errors import StageError
from networks import heads, logits
from networks.backbones.build import build_backbone
from networks.blocks import networks_of
from networks.cam import (
    METHODS,
    Activations,
    grad_cam,
    grad_cam_pp,
    head_activations,
    heat_map,
    layer_activations,
)
from networks.classifier import compose
from tests.helpers.network_maps import photographs, randomise
from tests.helpers.training_sets import PLAIN

SIZE = (64, 64)


def corner_head():
    """A head whose right answer is known: class 2 is channel 0 at the upper left, times 3."""
    maps = keras.Input((4, 4, 2))
    corner = keras.layers.Cropping2D(((0, 3), (0, 3)))(maps)
    logits = keras.layers.Dense(3, use_bias=False, name="logits")(keras.layers.Flatten()(corner))
    head = keras.Model(maps, keras.layers.Softmax(name="probabilities")(logits))
    head.get_layer("logits").set_weights([np.array([[0, 1, 3.0], [0, -1, 0]], np.float32)])
    return head


def test_grad_cam_by_hand():
    maps = np.zeros((3, 4, 4, 2), np.float32)
    maps[:, 0, 0, 0] = 2
    maps[:, 3, 3, 0] = 1
    maps[:, 1, 2, 1] = 5
    heat = heat_map("gradcam", head_activations(corner_head())(maps, np.array([2, 0, 1])))
    # Class 2: all of the gradient is on channel 0, so the heat is channel 0 over its largest value.
    expected = np.zeros((4, 4))
    expected[0, 0], expected[3, 3] = 1, 0.5
    np.testing.assert_allclose(heat[0], expected, atol=1e-6)
    # Class 0 has no gradient at all; class 1 has 1 and -1, so that channel 1 is cut off.
    assert (heat[1] == 0).all()
    np.testing.assert_allclose(heat[2], expected, atol=1e-6)


def seen_of(maps, gradients):
    maps, gradients = (np.asarray([values], np.float32) for values in (maps, gradients))
    return Activations([maps], [gradients], maps)


def test_grad_cam_pp_by_hand():
    """1 x 2 positions, two channels; alpha = g^2 / (2 g^2 + sum(A) g^3), weights of relu(g)."""
    maps = [[[1, 2], [3, 0]]]  # sums over positions: 4 and 2
    gradients = [[[0.5, -1], [1, 2]]]
    first = 0.5 * 0.25 / (2 * 0.25 + 4 * 0.125) + 1 * 1 / (2 * 1 + 4 * 1)  # 1/8 + 1/6
    second = 0 + 2 * 4 / (2 * 4 + 2 * 8)  # the negative gradient has no part: 1/3
    assert (first, second) == pytest.approx((7 / 24, 1 / 3))
    expected = [1 * first + 2 * second, 3 * first]
    heat = grad_cam_pp(seen_of(maps, gradients)).numpy()
    np.testing.assert_allclose(heat[0, 0], expected, rtol=1e-6)


def test_grad_cam_pp_leaves_out_what_its_derivation_does_not_hold_for():
    maps = [[[-3, 1], [-1, 1]]]  # channel 0 adds up to -4: 2 - 4 * 1 is below zero
    gradients = [[[1, 1], [0, 0]]]
    heat = grad_cam_pp(seen_of(maps, gradients)).numpy()
    np.testing.assert_allclose(heat[0, 0], [1 / 4, 1 / 4], rtol=1e-6)  # channel 1: 1 / (2 + 2)


@pytest.mark.parametrize("grid", [(2, 3), (5, 4)])
def test_eigen_cam_is_the_projection_on_the_first_singular_vector(grid):
    """Both ways to it: fewer positions than channels, and more."""
    maps = np.random.default_rng(1).random((2, *grid, 7)).astype(np.float32)
    heats = heat_map("eigencam", Activations([maps], [maps], maps))
    for image_maps, heat in zip(maps, heats, strict=True):
        flat = image_maps.reshape(-1, 7)
        projection = np.abs(flat @ np.linalg.svd(flat)[2][0]).reshape(grid)  # one sign: A >= 0
        np.testing.assert_allclose(heat, projection / projection.max(), rtol=1e-4)


def corner_classifier(output="auto"):
    """Looks only at the upper left quarter of 16 x 16 pixels: how white it is, for class 1.

    The maps are means of 4 x 4 pixels; channel 0 is what lies in the corner, channel 1 the rest.
    """
    pixels = keras.Input((16, 16, 3), name="pixels")
    x = keras.layers.Rescaling(1 / 255)(pixels)
    x = keras.layers.AveragePooling2D(4, name="cells")(x)
    corner = keras.layers.Cropping2D(((0, 2), (0, 2)))(x)
    corner = keras.layers.ZeroPadding2D(((0, 2), (0, 2)), name="corner")(corner)
    light = keras.layers.Conv2D(2, 1, use_bias=False, name="light")
    backbone = keras.Model(pixels, light(corner), name="backbone")
    kernel = np.zeros((1, 1, 3, 2), np.float32)
    kernel[..., 0] = 1 / 3
    light.set_weights([kernel])
    settings = PLAIN.model_copy(update={"output": output})
    head = heads.build_head((4, 4, 2), 2, "none", settings)
    weights = {1: [[8.0], [0.0]], 2: [[-4.0, 4.0], [0.0, 0.0]]}
    n = head.get_layer("logits").kernel.shape[1]
    head.get_layer("logits").set_weights([np.array(weights[n], np.float32), -np.ones(n)])
    return backbone, head


@pytest.mark.parametrize("layer", [None, "light", "corner", "cells"])
@pytest.mark.parametrize("method", METHODS)
def test_heat_lies_where_the_network_looks(method, layer):
    backbone, head = corner_classifier()
    pixels = np.full((2, 16, 16, 3), 200, np.float32)
    pixels[1] = np.random.default_rng(0).uniform(50, 255, (16, 16, 3))
    heat = heat_map(method, layer_activations(backbone, head, layer)(pixels, np.array([1, 1])))
    assert heat.shape == (2, 4, 4)
    if (layer, method) == ("cells", "eigencam"):
        assert (heat > 0.1).all()  # before the crop all is light; it does not ask who looks
    elif layer == "cells":
        # A weight per channel cannot leave out positions: it needs a layer after the decision.
        assert (heat > 0).all()
    else:
        assert (heat[:, :2, :2] > 0.1).all()
        assert (heat[:, 2:] == 0).all()
        assert (heat[:, :, 2:] == 0).all()


@pytest.mark.parametrize("output", ["sigmoid", "softmax"])
def test_the_first_of_two_classes_is_the_second_turned_round(output):
    backbone, head = corner_classifier(output)
    pixels = np.full((2, 16, 16, 3), 200, np.float32)
    for layer in (None, "corner"):
        seen = layer_activations(backbone, head, layer)(pixels, np.array([0, 1]))
        np.testing.assert_allclose(seen.gradients[0][0], -seen.gradients[0][1], atol=1e-7)
        heat = grad_cam(seen).numpy()
        assert (heat[0] == 0).all()  # only darkness would speak for class 0
        assert heat[1].max() > 0


NETWORKS = {
    "cnn": ("cnn", "none", "block5_pool", "block4_pool"),
    "cnn_concat": ("cnn_concat", "none", "block4_pool", "block3_concat"),
    "lite": ("efficientnet_lite0", "imagenet", None, "block5c_add"),
    "convnext": ("convnext_tiny", "none", None, None),  # has models inside
}


@pytest.fixture(scope="module")
def network(request, tmp_path_factory):
    """A composed model, opened from its file: backbone, head, its last layer, an inner one."""
    name, weights, last, inner = NETWORKS[request.param]
    keras.utils.set_random_seed(0)
    backbone = build_backbone(name, SIZE, weights)
    if weights == "none":
        randomise(backbone, photographs(SIZE))
    last = last or backbone.layers[-1].name
    if inner is None:
        inner = [layer.name for layer in backbone.layers if isinstance(layer, keras.Sequential)][-2]
    backbone.trainable = False
    head = heads.build_head(backbone.output_shape[1:], 3, "pool", PLAIN)
    file = tmp_path_factory.mktemp("network") / "model.keras"
    compose(backbone, head).save(file)
    model = keras.saving.load_model(file, compile=False)
    return model.get_layer("backbone"), model.get_layer("head"), last, inner


@pytest.mark.parametrize("network", ["cnn", "cnn_concat", "lite"], indirect=True)
def test_the_last_layer_by_name_is_what_the_head_takes(network):
    backbone, head, last, _ = network
    pixels, classes = photographs(SIZE), np.array([2, 0])
    expected = head_activations(head)(backbone(pixels, training=False), classes)
    for layer in (None, [last]):
        seen = layer_activations(backbone, head, layer)(pixels, classes)
        np.testing.assert_allclose(seen.head_maps, expected.head_maps, rtol=1e-4, atol=1e-4)
        scale = np.abs(expected.gradients[0]).max()
        np.testing.assert_allclose(
            seen.gradients[0], expected.gradients[0], rtol=1e-3, atol=1e-4 * scale
        )
        for method in METHODS:
            np.testing.assert_allclose(
                heat_map(method, seen), heat_map(method, expected), rtol=2e-3, atol=1e-3
            )


@pytest.mark.parametrize("network", NETWORKS, indirect=True)
def test_an_inner_layer_is_seen_as_the_model_is_in_inference(network):
    backbone, head, _, inner = network
    pixels, classes = photographs(SIZE), np.array([1, 1])
    before = [weight.numpy().copy() for weight in backbone.weights]
    seen = layer_activations(backbone, head, inner)(pixels, classes)
    assert all(np.array_equal(*pair) for pair in zip(before, backbone.weights, strict=True))
    expected = backbone(pixels, training=False)
    np.testing.assert_allclose(seen.head_maps, expected, rtol=1e-4, atol=1e-4)
    (gradient,), (maps,) = seen.gradients, seen.maps
    assert maps.shape == gradient.shape
    assert maps.shape[1] > 2
    assert np.isfinite(gradient).all()
    assert (np.abs(gradient).max(axis=(1, 2, 3)) > 0).all()
    for method in METHODS:
        heat = heat_map(method, seen)
        assert heat.shape == maps.shape[:3]
        assert heat.max() == 1
        assert heat.min() >= 0


def test_a_gradient_by_differences():
    """What comes after block4_pool depends on it alone: moved along the gradient, it moves so."""
    keras.utils.set_random_seed(1)
    backbone = build_backbone("cnn", SIZE, "none")
    randomise(backbone, photographs(SIZE))
    head = heads.build_head((2, 2, 256), 2, "none", PLAIN)
    pixels, classes = photographs(SIZE), np.array([0, 1])
    seen = layer_activations(backbone, head, "block4_pool")(pixels, classes)
    rest = keras.Model(backbone.get_layer("block4_pool").output, backbone.output)
    scores = logits.class_scores(head)

    def score(maps):
        return scores(rest(maps, training=False)).numpy()[[0, 1], classes]

    (maps,), (gradient,) = seen.maps, seen.gradients
    slope = (np.asarray(gradient) ** 2).sum(axis=(1, 2, 3))
    step = 1e-2 / np.sqrt(slope)[:, None, None, None]
    change = (score(maps + step * gradient) - score(maps - step * gradient)) / 2
    np.testing.assert_allclose(change, 1e-2 * np.sqrt(slope), rtol=0.05)


@pytest.fixture(scope="module")
def fused(tmp_path_factory):
    """Two networks of one grid and different depth, opened from a file."""
    keras.utils.set_random_seed(0)
    backbone = build_backbone(["cnn", "efficientnet_lite0"], SIZE, ["none", "imagenet"])
    randomise(networks_of(backbone)[0], photographs(SIZE))
    head = heads.build_head(backbone.output_shape[1:], 2, "none", PLAIN)
    file = tmp_path_factory.mktemp("fused") / "model.keras"
    compose(backbone, head).save(file)
    model = keras.saving.load_model(file, compile=False)
    return model.get_layer("backbone"), model.get_layer("head")


def test_fused_networks_are_explained_together(fused):
    backbone, head = fused
    pixels, classes = photographs(SIZE), np.array([1, 0])
    expected = head_activations(head)(backbone(pixels, training=False), classes)
    last = [network.layers[-1].name for network in networks_of(backbone)]
    seen = layer_activations(backbone, head, last)(pixels, classes)
    assert [maps.shape[-1] for maps in seen.maps] == [256, 1280]
    for method in METHODS:
        np.testing.assert_allclose(
            heat_map(method, seen), heat_map(method, expected), rtol=2e-3, atol=1e-3
        )
    inner = layer_activations(backbone, head, ["block3_pool", None])(pixels, classes)
    assert [maps.shape[1:3] for maps in inner.maps] == [(8, 8), (2, 2)]
    for method in METHODS:
        assert heat_map(method, inner).shape == (2, 2, 2)  # the smallest grid


def test_maps_of_two_grids_weigh_as_they_contribute():
    """The same maps once coarse and once fine, with gradients that add up to the same."""
    coarse = np.array([[[[1.0], [3.0]]]], np.float32)
    fine = coarse.repeat(2, axis=1).repeat(2, axis=2)
    gradient = np.full_like(coarse, 0.5)
    seen = Activations([coarse, fine], [gradient, np.full_like(fine, 0.125)], coarse)
    np.testing.assert_allclose(grad_cam(seen)[0, 0], [2.0, 6.0])  # twice 1.0 x [1, 3]


def test_wrong_layers_are_named_with_those_that_there_are(fused):
    backbone, head = fused
    single = networks_of(backbone)[0]
    expected = r"gradcam\.layer to name a layer of cnn\. Received: 'blok4_pool'"
    with pytest.raises(StageError, match=expected) as error:
        layer_activations(single, heads.build_head((2, 2, 256), 2, "none", PLAIN), "blok4_pool")
    assert "Did you mean block4_pool" in str(error.value)
    assert "block4_conv1_relu (8, 8, 256)" in str(error.value)
    with pytest.raises(StageError, match=r"list of 2, .* cnn, efficientnet_lite0.*'block4_pool'"):
        layer_activations(backbone, head, "block4_pool")
    with pytest.raises(StageError, match="to name a layer of efficientnet_lite0"):
        layer_activations(backbone, head, [None, "block4_pool"])
