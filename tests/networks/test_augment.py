"""Augmentation and mixing of training images, by hand where it can be counted."""

import colorsys

import keras
import numpy as np
import pytest
import tensorflow as tf

from common.schema import Augment
from networks.augment import PAINT, build_augmenter, build_mixer, chosen_steps

STILL = Augment(
    views=2,
    flip=False,
    rotation=0.0,
    shift=0.0,
    zoom=0.0,
    shear=0.0,
    crop=0.0,
    brightness=0.0,
    contrast=0.0,
    saturation=0.0,
    hue=0.0,
    erasing=0.0,
    mixup=0.0,
    cutmix=0.0,
)
STEPS = {
    "flip": True,
    "rotation": 0.1,
    "shift": 0.1,
    "zoom": 0.1,
    "shear": 0.1,
    "crop": 0.4,
    "brightness": 0.3,
    "contrast": 0.3,
    "saturation": 0.6,
    "hue": 0.2,
    "erasing": 1.0,
}
COLOURS = ("saturation", "hue")


def pixels_of(n=3, shape=(32, 40), seed=1):
    return np.random.default_rng(seed).uniform(0, 255, (n, *shape, 3)).astype(np.float32)


def augmented(pixels, seed=1, **settings):
    augmenter = build_augmenter(STILL.model_copy(update=settings), seed)
    return np.asarray(augmenter(pixels, training=True))


def test_no_step_changes_nothing():
    np.testing.assert_array_equal(augmented(pixels_of()), pixels_of())


@pytest.mark.parametrize("steps", [*({name: STEPS[name]} for name in STEPS), STEPS])
def test_steps_act_in_training_only_keep_the_range_and_follow_the_seed(steps):
    settings, pixels = STILL.model_copy(update=steps), pixels_of()
    augmenter = build_augmenter(settings, 1)
    np.testing.assert_array_equal(augmenter(pixels, training=False), pixels)
    changed = np.asarray(augmenter(pixels, training=True))
    assert changed.shape == pixels.shape
    assert changed.dtype == np.float32
    assert not np.allclose(changed, pixels, atol=5)
    assert changed.min() >= 0
    assert changed.max() <= 255.001
    np.testing.assert_array_equal(augmented(pixels, **steps), changed)
    assert not np.allclose(augmented(pixels, seed=2, **steps), changed, atol=5)


@pytest.mark.parametrize("steps", [*({name: STEPS[name]} for name in STEPS), STEPS])
def test_a_graph_draws_the_same_anew_for_every_image_and_step(steps):
    augmenter = build_augmenter(STILL.model_copy(update=steps), 1)
    pixels = np.repeat(pixels_of(1), 16, axis=0)
    signature = [tf.TensorSpec((None, 32, 40, 3), tf.float32)]
    step = tf.function(lambda x: augmenter(x, training=True), input_signature=signature)
    first, second = step(pixels).numpy(), step(pixels).numpy()
    np.testing.assert_allclose(first, augmented(pixels, **steps), atol=0.05)
    kinds = len({image.tobytes() for image in first})
    assert kinds == (2 if steps == {"flip": True} else 16)
    assert not np.allclose(first, second, atol=1)


def test_further_steps_leave_the_draws_of_the_others_alone():
    """Each layer has a seed of its own: a flip stays a flip, whatever comes after it."""
    pixels = pixels_of(8)
    flipped = augmented(pixels, flip=True)
    both = augmented(pixels, flip=True, erasing=1.0)
    painted = (both == np.array(PAINT, np.float32)).all(axis=-1)
    np.testing.assert_array_equal(both[~painted], flipped[~painted])


def test_a_crop_of_one_colour_is_that_colour():
    pixels = np.broadcast_to(np.array([10, 200, 90], np.float32), (4, 20, 30, 3))
    np.testing.assert_allclose(augmented(pixels, crop=0.7), pixels, rtol=1e-5)


def test_a_crop_is_a_window_inside_the_image_enlarged():
    """On a ramp along x and another along y every pixel says where it came from."""
    height, width, n = 41, 61, 400
    ramp = np.zeros((n, height, width, 3), np.float32)
    ramp[..., 0], ramp[..., 1] = np.arange(width), np.arange(height)[:, None]
    crops = augmented(ramp, crop=0.5)
    for channel, axis, length in ((0, 2, width), (1, 1, height)):
        places = crops[..., channel]
        assert places.min() >= -1e-3
        assert places.max() <= length - 1 + 1e-3
        steps = np.diff(places, axis=axis)
        scale = steps.mean(axis=(1, 2))  # source pixels per pixel: 1 / magnification
        np.testing.assert_allclose(
            steps, np.broadcast_to(scale[:, None, None], steps.shape), atol=2e-3
        )
        assert 0.5 <= scale.min() < 0.52
        assert 0.98 < scale.max() <= 1.0001
        room = (1 - scale) * (length - 1)
        share = np.moveaxis(places, axis, 1)[:, 0, 0] / room
        wide = room > 5
        assert share[wide].min() < 0.05
        assert share[wide].max() > 0.95
    assert abs(np.corrcoef(crops[:, 0, 1, 0] - crops[:, 0, 0, 0], crops[:, 1, 0, 1])[0, 1]) < 0.9


@pytest.mark.parametrize("name", COLOURS)
def test_colour_steps_leave_greys_and_brightest_channels_alone(name):
    grey = np.broadcast_to(np.linspace(0, 255, 40, dtype=np.float32)[:, None], (5, 32, 40, 3))
    np.testing.assert_allclose(augmented(grey, **{name: 0.5}), grey, atol=0.01)
    vivid = pixels_of()
    changed = augmented(vivid, **{name: 0.5})
    np.testing.assert_allclose(changed.max(axis=-1), vivid.max(axis=-1), atol=0.01)


def test_hue_turns_at_most_as_far_as_asked_either_way():
    red = np.broadcast_to(np.array([200, 0, 0], np.float32), (1000, 2, 2, 3))
    colours = augmented(red, hue=0.2)[:, 0, 0] / 255
    turns = np.array([colorsys.rgb_to_hsv(*colour)[0] for colour in colours])
    turns = np.where(turns > 0.5, turns - 1, turns)
    assert -0.2001 <= turns.min() < -0.19
    assert 0.19 < turns.max() <= 0.2001


def test_saturation_is_multiplied_at_most_as_asked_and_ends_at_full():
    dull = np.broadcast_to(np.array([200, 120, 120], np.float32), (1000, 2, 2, 3))  # 0.4
    colours = augmented(dull, saturation=0.5)[:, 0, 0]
    times = (colours.max(axis=-1) - colours.min(axis=-1)) / colours.max(axis=-1) / 0.4
    assert 0.4999 <= times.min() < 0.51
    assert 1.49 < times.max() <= 1.5001
    vivid = np.broadcast_to(np.array([200, 10, 10], np.float32), (200, 2, 2, 3))  # 0.95
    colours = augmented(vivid, saturation=0.5)
    np.testing.assert_allclose(colours.min(), 0, atol=1e-3)
    np.testing.assert_allclose(colours[..., 0], 200, rtol=1e-5)


def test_erasing_paints_one_rectangle_with_the_chance_asked_for():
    pixels = pixels_of(600)
    erased = augmented(pixels, erasing=0.3)
    painted = (erased == np.array(PAINT, np.float32)).all(axis=-1)
    np.testing.assert_array_equal(erased[~painted], pixels[~painted])
    hit = painted.any(axis=(1, 2))
    assert 0.24 < hit.mean() < 0.36  # 0.3, three standard deviations of 0.019
    for mask in painted[hit]:
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        box = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        assert box.all()
        assert 0.01 < box.size / mask.size < 0.4


def mixed(pixels, one_hot, seed=1, **settings):
    mixer = build_mixer(STILL.model_copy(update=settings), seed)
    return [np.asarray(tensor) for tensor in mixer(pixels, one_hot)]


def plain_images(n=64, shape=(16, 24)):
    """Image i is everywhere i, and its label is i."""
    values = np.arange(n, dtype=np.float32)
    return np.broadcast_to(values[:, None, None, None], (n, *shape, 3)), np.eye(n, dtype=np.float32)


def test_without_mixup_and_cutmix_there_is_no_mixer():
    assert build_mixer(STILL, 1) is None


@pytest.mark.parametrize("settings", [{"mixup": 0.4}, {"cutmix": 1.0}])
def test_labels_and_pixels_have_the_same_shares(settings):
    """The mean of the pixels is the sum over labels of share times value, for both."""
    pixels, one_hot = plain_images()
    images, labels = mixed(pixels, one_hot, **settings)
    assert (images.dtype, labels.dtype) == (np.float32, np.float32)
    np.testing.assert_allclose(labels.sum(axis=1), 1, rtol=1e-5)
    assert ((labels > 0).sum(axis=1) <= 2).all()
    np.testing.assert_allclose(images.mean(axis=(1, 2, 3)), labels @ np.arange(64), rtol=1e-4)
    kinds = [len(np.unique(image.round(3))) for image in images]
    assert max(kinds) == (1 if "mixup" in settings else 2)
    partners = labels.sum(axis=0)
    assert ((partners > 0) & (partners < 2)).all()  # a permutation: nobody is lent out twice


def test_shares_of_mixup_are_of_a_beta_distribution():
    """Beta(a, a) has the mean 1/2 and the variance 1 / (4 (2 a + 1))."""
    labels = mixed(*plain_images(2000, (1, 1)), mixup=0.5)[1]
    share = labels.diagonal()
    assert share.mean() == pytest.approx(0.5, abs=0.025)
    assert share.var() == pytest.approx(0.125, abs=0.01)


def test_cutmix_pastes_rectangles_and_counts_what_is_left_of_them():
    pixels, one_hot = plain_images(400)
    images, labels = mixed(pixels, one_hot, cutmix=1.0)
    cut_off, sizes = 0, []
    for row, image in enumerate(images[..., 0]):
        pasted = image != row
        share = labels[row, row]
        assert share == pytest.approx(1 - pasted.mean(), abs=1e-6)
        if pasted.any():
            rows, columns = np.flatnonzero(pasted.any(axis=1)), np.flatnonzero(pasted.any(axis=0))
            box = pasted[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
            assert box.all()
            assert len(np.unique(image[pasted])) == 1
            tall, wide = box.shape[0] / 16, box.shape[1] / 24
            cut_off += abs(tall - wide) > 0.15
            sizes.append(tall)
    assert cut_off > 50  # at the edges parts have lost their shape
    assert min(sizes) < 0.2
    assert max(sizes) > 0.9


def test_cutmix_takes_alphas_above_one():
    """Beta(5000, 5000) is near 1/2, so that whole parts have sides of sqrt(1/2)."""
    images, _ = mixed(*plain_images(400), cutmix=5000.0)
    sides = [(image[..., 0] != row).any(axis=1).mean() for row, image in enumerate(images)]
    assert max(sides) == pytest.approx(0.5**0.5, abs=1 / 16)


def test_both_take_turns_by_a_fair_coin_inside_a_graph_too():
    pixels, one_hot = plain_images(16)
    mixer = build_mixer(STILL.model_copy(update={"mixup": 1.0, "cutmix": 1.0}), 1)
    step = tf.function(lambda x, y: mixer(x, y))
    again = build_mixer(STILL.model_copy(update={"mixup": 1.0, "cutmix": 1.0}), 1)
    blended = []
    for _ in range(100):
        images, labels = (tensor.numpy() for tensor in step(pixels, one_hot))
        for values, same_values in zip((images, labels), again(pixels, one_hot), strict=True):
            np.testing.assert_allclose(values, same_values, atol=1e-5)
        whole = (images == np.round(images)).all()
        blended.append(not whole)
    assert 35 <= sum(blended) <= 65


def test_a_training_step_can_mix():
    """Inside fit, whose step is a graph: the loss that it sees is that of the mixed labels."""

    class Mixing(keras.Model):
        def train_step(self, data):
            pixels, one_hot = mixer(*data)
            self.seen.assign(tf.reduce_max(one_hot))
            return super().train_step((pixels, one_hot))

    mixer = build_mixer(STILL.model_copy(update={"mixup": 50.0}), 1)  # shares near 1/2
    inputs = keras.Input((4, 4, 3))
    outputs = keras.layers.Dense(2, "softmax")(keras.layers.Flatten()(inputs))
    model = Mixing(inputs, outputs)
    model.seen = tf.Variable(0.0)
    model.compile("sgd", "categorical_crossentropy")
    model.fit(np.zeros((2, 4, 4, 3), np.float32), np.eye(2, dtype=np.float32), verbose=0)
    assert 0.5 <= float(model.seen) < 0.7


def test_every_step_that_changes_an_image_is_known():
    everything = {name: 0.1 for name in type(STILL).model_fields if name not in ("views", "flip")}
    every = STILL.model_copy(update=everything | {"flip": True})
    assert chosen_steps(STILL) == []
    assert len(chosen_steps(every)) == len(type(STILL).model_fields) - 3  # views, mixup, cutmix
