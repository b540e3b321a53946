"""Augmentation of training images, by hand where it can be counted."""

import colorsys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from networks import augment
from networks.augment import PAINT, Augmenter, Draw, chosen_steps
from tests.helpers.augment_settings import STILL

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
STILL_DRAW = Draw(*[0.5] * len(Draw._fields))._replace(flip=0.9, erasing=0.99)


def image_of(seed=1, shape=(32, 40)):
    return np.random.default_rng(seed).integers(0, 256, (*shape, 3), np.uint8)


def augmenter(seed=1, **changes):
    return Augmenter(STILL.model_copy(update=changes), seed)


def views(image, count, seed=1, **changes):
    """Views of one image under other names, all different draws."""
    of = augmenter(seed, **changes)
    return np.stack([of.view(image, f"{index:016x}", 1) for index in range(count)])


def moved(image, draw=STILL_DRAW, **changes):
    source = augment.source_of(STILL.model_copy(update=changes), draw, image.shape[:2])
    return augment.resampled(image, source)


def test_view_0_and_no_step_change_nothing():
    np.testing.assert_array_equal(augmenter().view(image_of(), "a", 1), image_of())
    np.testing.assert_array_equal(augmenter(**STEPS).view(image_of(), "a", 0), image_of())


@pytest.mark.parametrize("steps", [*({name: STEPS[name]} for name in STEPS), STEPS])
def test_steps_change_images_and_leave_their_input_alone(steps):
    image = image_of()
    changed = views(image, 8, **steps)
    assert changed.shape == (8, *image.shape)
    assert changed.dtype == np.uint8
    np.testing.assert_array_equal(image, image_of())
    kinds = {view.tobytes() for view in changed}
    assert len(kinds) == (2 if steps == {"flip": True} else 8)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), number=st.integers(1, 10**6), name=st.text(max_size=20))
def test_a_view_depends_on_seed_image_and_number_alone(seed, number, name):
    first, second = augmenter(seed, **STEPS), augmenter(seed, **STEPS)
    second.view(image_of(2), "another", 3)
    expected = first.view(image_of(), name, number)
    np.testing.assert_array_equal(second.view(image_of(), name, number), expected)
    with ThreadPoolExecutor(2) as pool:
        for view in pool.map(lambda n: first.view(image_of(), name, n), [number] * 3):
            np.testing.assert_array_equal(view, expected)
    others = [
        augmenter(seed + 1, **STEPS).view(image_of(), name, number),
        first.view(image_of(), name + "x", number),
        first.view(image_of(), name, number + 1),
    ]
    assert all((other != expected).any() for other in others)


def test_a_flip_is_a_mirror_image():
    image = image_of()
    np.testing.assert_array_equal(
        moved(image, STILL_DRAW._replace(flip=0.49), flip=True), image[:, ::-1]
    )
    np.testing.assert_array_equal(moved(image, STILL_DRAW._replace(flip=0.5), flip=True), image)


def test_a_quarter_turn_of_a_square():
    image = image_of(shape=(32, 32))
    turned = moved(image, STILL_DRAW._replace(rotation=1.0), rotation=0.25)
    np.testing.assert_array_equal(turned, np.rot90(image))


def test_a_shift_by_whole_pixels_brings_in_the_mirrored_edge():
    image = image_of()  # 32 high, 40 wide: a tenth of 40 is 4, three eighths of a tenth is 1.2
    right = moved(image, STILL_DRAW._replace(shift_x=0.0), shift=0.1)
    down = moved(image, STILL_DRAW._replace(shift_y=0.0), shift=0.125)
    np.testing.assert_array_equal(right[:, 4:], image[:, :-4])
    np.testing.assert_array_equal(right[:, :4], image[:, 3::-1])
    np.testing.assert_array_equal(down[4:], image[:-4])
    np.testing.assert_array_equal(down[:4], image[3::-1])


def source(size=(41, 61), draw=STILL_DRAW, **changes):
    return augment.source_of(STILL.model_copy(update=changes), draw, size)


def test_zoom_and_shear_are_about_the_middle():
    middle = np.array([30, 20, 1])
    wide = source(draw=STILL_DRAW._replace(zoom=1.0), zoom=0.25)
    np.testing.assert_allclose(wide @ middle, [30, 20])
    np.testing.assert_allclose(wide @ [34, 24, 1], [35, 25])
    sheared = source(draw=STILL_DRAW._replace(shear=0.0), shear=0.5)
    np.testing.assert_allclose(sheared @ middle, [30, 20])
    np.testing.assert_allclose(sheared @ [30, 30, 1], [25, 30])


def test_steps_are_composed_in_their_order():
    """The view is the image flipped, then shifted: 4 px to the right of the mirror image."""
    draw = STILL_DRAW._replace(flip=0.0, shift_x=0.0)
    image = image_of()
    both = moved(image, draw, flip=True, shift=0.1)
    np.testing.assert_array_equal(both[:, 4:], image[:, ::-1][:, :-4])


def test_crops_are_windows_inside_the_image_of_every_size_and_place():
    height, width, most = 41, 61, 0.5
    rng, scales, places = np.random.default_rng(0), [], []
    for _ in range(400):
        draw = Draw(*rng.random(len(Draw._fields)))
        matrix = source(draw=draw, crop=most)
        corners = matrix @ np.array([[0, width - 1], [0, height - 1], [1, 1]])
        assert (corners >= -1e-9).all()
        assert (corners[:, 1] <= [width - 1 + 1e-9, height - 1 + 1e-9]).all()
        assert matrix[0, 1] == matrix[1, 0] == 0
        scales.append(np.diag(matrix))
        room = (1 - scales[-1]) * [width - 1, height - 1]
        places.append(corners[:, 0] / room)
    scales, places = np.array(scales), np.array(places)
    assert 0.5 <= scales.min() < 0.52
    assert 0.98 < scales.max() <= 1
    assert places.min() < 0.05
    assert places.max() > 0.95
    assert np.abs(np.corrcoef(np.c_[scales, places].T) - np.eye(4)).max() < 0.2


def test_one_colour_stays_that_colour_however_it_is_moved():
    image = np.broadcast_to(np.array([10, 200, 90], np.uint8), (20, 30, 3))
    moves = {name: STEPS[name] for name in augment.GEOMETRY}
    assert (views(image, 20, **moves) == image).all()


def test_brightness_and_contrast_by_hand():
    image = np.zeros((1, 4, 3), np.uint8)
    image[0, :, 0] = [10, 20, 30, 40]  # mean 25
    image[0, :, 1] = 100
    image[0, :, 2] = [0, 0, 0, 200]  # mean 50
    changed = augment.brightened(image, 5, 1.2)[0]
    assert changed[:, 0].tolist() == [12, 24, 36, 48]
    assert changed[:, 1].tolist() == [105] * 4
    assert changed[:, 2].tolist() == [0, 0, 0, 235]  # -60 + 55 is cut off, 180 + 55 is not
    assert augment.brightened(image, -30, 0)[0].tolist() == [[0, 70, 20]] * 4


def test_brightness_and_contrast_reach_as_far_as_asked():
    image = np.full((2, 2, 3), 100, np.uint8)
    levels = views(image, 2000, brightness=0.2)[:, 0, 0, 0].astype(int)
    assert 49 <= levels.min() <= 51
    assert 149 <= levels.max() <= 151
    image[:, 0] = 50
    image[:, 1] = 150
    ranges = np.ptp(views(image, 2000, contrast=0.3)[..., 0].astype(int), axis=(1, 2))
    assert 70 <= ranges.min() <= 72
    assert 128 <= ranges.max() <= 130


@pytest.mark.parametrize("name", ["saturation", "hue"])
def test_colour_steps_leave_greys_and_brightest_channels_alone(name):
    levels = np.linspace(0, 255, 40).astype(np.uint8)
    grey = np.ascontiguousarray(np.broadcast_to(levels[:, None], (32, 40, 3)))
    assert (views(grey, 5, **{name: 0.5}) == grey).all()
    vivid = image_of()
    changed = views(vivid, 5, **{name: 0.5})
    assert (changed.max(axis=-1) == vivid.max(axis=-1)).all()


def test_hue_turns_at_most_as_far_as_asked_either_way():
    red = np.broadcast_to(np.array([200, 0, 0], np.uint8), (2, 2, 3))
    colours = views(np.ascontiguousarray(red), 1000, hue=0.2)[:, 0, 0] / 255
    turns = np.array([colorsys.rgb_to_hsv(*colour)[0] for colour in colours])
    turns = np.where(turns > 0.5, turns - 1, turns)
    assert -0.201 <= turns.min() < -0.19
    assert 0.19 < turns.max() <= 0.201


def test_saturation_is_multiplied_at_most_as_asked_and_ends_at_full():
    dull = np.ascontiguousarray(np.broadcast_to(np.array([200, 120, 120], np.uint8), (2, 2, 3)))
    colours = views(dull, 1000, saturation=0.5)[:, 0, 0].astype(float)
    times = (colours.max(axis=-1) - colours.min(axis=-1)) / colours.max(axis=-1) / 0.4
    assert 0.49 <= times.min() < 0.52
    assert 1.48 < times.max() <= 1.51
    vivid = np.ascontiguousarray(np.broadcast_to(np.array([200, 10, 10], np.uint8), (2, 2, 3)))
    colours = views(vivid, 200, saturation=0.5)
    assert colours.min() == 0
    assert (colours[..., 0] == 200).all()


def test_erasing_paints_one_rectangle_with_the_chance_asked_for():
    image = image_of(shape=(64, 80))
    erased = views(image, 600, erasing=0.3)
    painted = (erased == np.array(PAINT, np.uint8)).all(axis=-1)
    clear = ~painted
    assert (erased[clear] == np.broadcast_to(image, erased.shape)[clear]).all()
    sizes = painted.sum(axis=(1, 2)) / (64 * 80)
    hit = sizes > 0.01
    assert 0.24 < hit.mean() < 0.36  # 0.3, three standard deviations of 0.019
    assert sizes[hit].min() < 0.05
    assert 0.3 < sizes.max() < 0.42
    for mask in painted[hit]:
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        box = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        assert box.mean() > 0.99


def test_further_steps_leave_the_draws_of_the_others_alone():
    image = image_of(shape=(64, 80))
    flipped = views(image, 8, flip=True)
    both = views(image, 8, flip=True, erasing=1.0)
    painted = (both == np.array(PAINT, np.uint8)).all(axis=-1)
    assert (both[~painted] == flipped[~painted]).all()


def test_every_step_that_changes_an_image_is_known():
    everything = {name: 0.1 for name in type(STILL).model_fields if name not in ("views", "flip")}
    every = STILL.model_copy(update=everything | {"flip": True})
    assert chosen_steps(STILL) == []
    assert set(chosen_steps(every)) == set(STEPS)
