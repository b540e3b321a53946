"""Deletion and insertion on a model that looks only at one corner, its areas worked out by hand."""

import numpy as np
import pytest
from scipy import stats

from networks.cam import METHODS, heat_map, layer_activations
from networks.engine import FLOAT32, OPENVINO, Engine, frozen_classifier
from stages.gradcam.faithfulness import canvases, measure, steps_of_pixels
from stages.gradcam.names import CENTRE, RANDOM
from stages.gradcam.verdicts import verdicts_of
from tests.networks.test_cam import corner_classifier


class Corner:
    """An explainer without a dataset: images that are white in the upper left quarter."""

    def __init__(self, n, methods=("truth",)):
        self.backbone, self.head = corner_classifier()
        self.network = frozen_classifier(self.backbone, self.head, Engine(OPENVINO, FLOAT32))
        self.methods = list(methods)
        self.all = np.full((n, 16, 16, 3), 40, np.uint8)
        self.all[:, :8, :8] = 255

    def batches(self, rows):
        for start in range(0, len(rows), 3):
            yield rows[start : start + 3], self.all[rows[start : start + 3]]

    def heats(self, pixels, classes, methods=None):
        truth = np.zeros((len(pixels), 4, 4), np.float32)
        truth[:, :2, :2] = 1
        maps = {"truth": truth, "nothing": 0 * truth, "wrong": 1 - truth}
        if set(self.methods) <= set(METHODS):
            activations = layer_activations(self.backbone, self.head, None)(pixels, classes)
            maps = {name: heat_map(name, activations) for name in METHODS}
        return {name: maps[name] for name in self.methods}


def probability(light):
    """What the corner's model says for class 1: 8 times its mean over all positions, less 1."""
    return 1 / (1 + np.exp(-(8 * light / 4 - 1)))


def test_steps_are_equal_shares_hottest_first_and_chance_decides_between_equals():
    heat = np.zeros((10, 10))
    heat[0], heat[1] = 3, 2
    chance = np.arange(100.0).reshape(10, 10)
    steps = steps_of_pixels(heat, chance, (10, 10))
    assert np.bincount(steps.ravel()).tolist() == [10] * 10
    assert (steps[0] == 0).all()
    assert (steps[1] == 1).all()
    assert (steps[9] == 2).all()
    assert (steps[2] == 9).all()
    uneven = steps_of_pixels(np.zeros((1, 1)), chance, (3, 5))
    assert sorted(np.bincount(uneven.ravel(), minlength=10).tolist()) == [1] * 5 + [2] * 5


def test_canvases_are_the_mean_colour_and_a_blur():
    pixels = np.zeros((32, 32, 3), np.uint8)
    pixels[:16] = [200, 100, 0]
    mean, soft = canvases(pixels)
    assert mean.shape == pixels.shape
    assert (mean == [100, 50, 0]).all()
    middle = 200 * stats.norm.cdf([-0.5 / 2, 0.5 / 2])[::-1]  # sigma 32 / 16 = 2 px
    np.testing.assert_allclose(soft[15:17, 7, 0], middle, atol=2)
    assert (soft[:6, :, 0] == 200).all()


def test_deleting_the_corner_drops_the_score_at_once():
    corner = Corner(2)
    curves = measure(corner.network, corner, [0, 1], np.ones(2, int), seed=0)
    assert set(curves) == {"truth", RANDOM, CENTRE}
    deletion, insertion = curves["truth"]
    assert deletion.shape == (2, 11)
    mean = np.rint(255 / 4 + 40 * 3 / 4) / 255  # of the image, which covers it
    # After 10 and 20 % of the pixels 40 and 80 % of the corner are gone; after 30 % all of it.
    gone = np.array([0, 0.4, 0.8, *[1] * 8])
    expected = probability(1 - gone + gone * mean)
    # 256 pixels do not divide by 10: 26 and 52 of the corner's 64 have gone, and what the
    # enlarged heat makes of the corner's rim comes in another order.
    np.testing.assert_allclose(
        deletion[0, [0, *range(4, 11)]], expected[[0, *range(4, 11)]], atol=1e-3
    )
    np.testing.assert_allclose(deletion[0], expected, atol=0.05)
    area = np.trapezoid(expected, dx=0.1)
    verdicts = verdicts_of(curves, seed=0)
    assert verdicts["truth"]["deletion_auc"] == pytest.approx(area, abs=0.015)
    assert insertion[0, -1] == deletion[0, 0]
    assert insertion[0, 4:].min() == pytest.approx(probability(1), abs=0.01)
    assert verdicts["truth"]["insertion_auc"] > verdicts[RANDOM]["insertion_auc"]


@pytest.mark.parametrize("method", METHODS)
def test_every_method_is_faithful_to_the_corner(method):
    corner = Corner(8, [method])
    rows = list(range(8))
    verdicts = verdicts_of(measure(corner.network, corner, rows, np.ones(8, int), seed=1), seed=1)
    assert verdicts[method]["beats_random"] is True
    assert verdicts[method]["beats_centre"] is True
    assert verdicts[method]["gain_low"] > 0
    assert verdicts[method]["deletion_auc"] < verdicts[RANDOM]["deletion_auc"] - 0.05
    assert verdicts[method]["insertion_auc"] > verdicts[RANDOM]["insertion_auc"]
    assert verdicts[CENTRE]["gain"] < verdicts[method]["gain"]
    assert set(verdicts[RANDOM]) == {"deletion_auc", "insertion_auc"}


def test_no_heat_is_the_random_map_and_wrong_heat_is_worse():
    corner = Corner(7, ["nothing", "wrong"])
    curves = measure(corner.network, corner, list(range(7)), np.ones(7, int), seed=1)
    np.testing.assert_array_equal(curves["nothing"], curves[RANDOM])
    verdicts = verdicts_of(curves, seed=1)
    assert verdicts["nothing"] == verdicts[RANDOM] | {
        "gain": 0.0,
        "gain_low": 0.0,
        "gain_high": 0.0,
        "p_value": 1.0,
        "beats_random": False,
        "beats_centre": False,
    }
    assert verdicts["wrong"]["gain_high"] < 0
    assert verdicts["wrong"]["p_value"] > 0.97
    assert verdicts["wrong"]["beats_random"] is False


def test_the_random_map_deletes_as_much_of_the_corner_as_of_the_rest():
    """About chance: with s of 10 steps done, s tenths of the corner are gone on average."""
    corner = Corner(60)
    curves = measure(corner.network, corner, list(range(60)), np.ones(60, int), seed=2)
    deletion = curves[RANDOM][0]
    mean = np.rint(255 / 4 + 40 * 3 / 4) / 255
    light = (np.log(deletion / (1 - deletion)) + 1) / 2
    gone = ((1 - light) / (1 - mean)).mean(axis=0)
    np.testing.assert_allclose(gone, np.linspace(0, 1, 11), atol=0.06)


def test_the_result_repeats_and_an_image_alone_has_the_curves_it_has_among_others():
    corner = Corner(4)
    curves, repeated = (
        measure(corner.network, corner, [0, 1, 2, 3], np.ones(4, int), 0) for _ in range(2)
    )
    alone = measure(corner.network, corner, [2], np.ones(1, int), 0)
    for name in curves:
        np.testing.assert_array_equal(curves[name], repeated[name])
        np.testing.assert_array_equal(curves[name][:, 2:3], alone[name])
