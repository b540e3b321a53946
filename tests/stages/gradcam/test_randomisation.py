"""The sanity check: its changes to a model, and its verdict on heat maps that are made up."""

import keras
import numpy as np
import pytest

from networks import heads
from networks.backbones.build import build_backbone
from networks.cam import heat_map, layer_activations
from stages.gradcam.randomisation import (
    ALL,
    HEAD,
    cascade,
    correlations,
    mean,
    rank_correlation,
    shuffle,
)
from tests.helpers.network_maps import photographs
from tests.helpers.training_sets import PLAIN

SIZE = (64, 64)


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    backbone = build_backbone("efficientnet_lite0", SIZE, "imagenet")
    backbone.trainable = False
    return backbone, heads.build_head(backbone.output_shape[1:], 3, "cbam", PLAIN)


def test_the_cascade_goes_from_the_head_to_the_first_block_and_misses_no_weight(model):
    backbone, head = model
    steps = cascade(backbone, head)
    assert [name for name, _ in steps] == [HEAD, "last_1", "last_2", "last_3", "last_4", ALL]
    layers = [layer for _, step_layers in steps for layer in step_layers]
    assert len(layers) == len(set(layers))
    weights = {weight.path for layer in layers for weight in layer.weights}
    assert weights == {weight.path for weight in [*backbone.weights, *head.weights]}
    weighted = [layer for layer in backbone.layers if layer.weights]
    assert steps[-1][1][0] == weighted[0]
    assert steps[1][1][-1] == weighted[-1]


def test_fused_networks_forget_together():
    backbone = build_backbone(["cnn", "efficientnet_lite0"], SIZE, ["none", "imagenet"])
    head = heads.build_head(backbone.output_shape[1:], 2, "none", PLAIN)
    steps = dict(cascade(backbone, head))
    last = {layer.name for layer in steps["last_1"]}
    assert {"block5_conv2"} <= last
    assert len(last) > 4
    layers = [layer for step_layers in steps.values() for layer in step_layers]
    assert len({id(layer) for layer in layers}) == len(layers)
    assert sum(len(layer.weights) for layer in layers) == len(backbone.weights) + len(head.weights)


def test_a_shuffle_deals_the_same_values_anew():
    layer = keras.layers.Dense(20)
    layer.build((None, 30))
    layer.bias.assign(np.arange(20))
    before = [np.array(weight) for weight in layer.weights]
    shuffle(layer, np.random.default_rng(0))
    for old, weight in zip(before, layer.weights, strict=True):
        assert (old != weight.numpy()).mean() > 0.8
        np.testing.assert_array_equal(np.sort(old.ravel()), np.sort(weight.numpy().ravel()))


def test_maps_that_do_not_ask_the_model_stay_and_those_that_do_change(model):
    backbone, head = model
    pixels, classes = photographs(SIZE), np.array([0, 2])
    kept = [weight.numpy().copy() for weight in [*backbone.weights, *head.weights]]
    see = layer_activations(backbone, head, "block5c_add")

    def heats():
        edges = np.abs(np.diff(pixels.mean(axis=-1)[:, ::8, ::8], axis=1))
        seen = see(pixels, classes)
        heat_by_method = {name: heat_map(name, seen) for name in ("gradcam", "eigencam")}
        return heat_by_method | {"edges": edges, "flat": np.ones((2, 3, 3))}

    likeness = correlations(backbone, head, heats, seed=3)
    assert set(likeness) == {"gradcam", "eigencam", "edges", "flat"}
    assert all(np.allclose(values, 1) for values in likeness["edges"].values())
    assert all(np.isnan(values).all() for values in likeness["flat"].values())
    assert np.allclose(likeness["eigencam"][HEAD], 1)  # the head has no part in it
    assert np.nanmean(likeness["eigencam"][ALL]) < 0.9
    assert np.nanmean(likeness["gradcam"][HEAD]) < 0.9
    for old, weight in zip(kept, [*backbone.weights, *head.weights], strict=True):
        np.testing.assert_array_equal(old, weight.numpy())
    again = correlations(backbone, head, heats, seed=3)
    for name in likeness:
        for state in likeness[name]:
            np.testing.assert_array_equal(likeness[name][state], again[name][state])


def test_the_model_is_restored_after_an_error(model):
    backbone, head = model
    kept = [weight.numpy().copy() for weight in head.weights]
    calls = []

    def heats():
        calls.append(None)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return {"flat": np.ones((1, 2, 2))}

    with pytest.raises(KeyboardInterrupt):
        correlations(backbone, head, heats, seed=0)
    for old, weight in zip(kept, head.weights, strict=True):
        np.testing.assert_array_equal(old, weight.numpy())


def test_rank_correlations_by_hand():
    heat = np.array([[1.0, 2], [3, 4]])
    assert rank_correlation(heat, np.exp(heat)) == pytest.approx(1)
    assert rank_correlation(heat, -heat) == pytest.approx(-1)
    # Ranks 1 2 3 4 against 2 1 4 3: 1 - 6 * 4 / (4 * 15)
    assert rank_correlation(heat, np.array([[2.0, 1], [9, 3]])) == pytest.approx(0.6)
    assert np.isnan(rank_correlation(heat, np.ones((2, 2))))
    assert np.isnan(rank_correlation(heat, np.full((2, 2), np.nan)))
    assert mean(np.array([0.5, np.nan, 0.1])) == pytest.approx(0.3)
    assert mean(np.array([np.nan])) is None
