"""Near-duplicates: known copies are grouped, and strangers are not."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageEnhance, ImageOps

from stages.clean.duplicates import hash_search
from stages.clean.duplicates.fingerprints import THUMB, Fingerprint, fingerprint
from stages.clean.duplicates.groups import find_groups

SETTINGS = {
    "hash_distance": 12,
    "correlation": 0.97,
    "correlation_loose": 0.88,
    "agreement": 0.92,
}


def group(images, **changed) -> list[int]:
    return group_prints([fingerprint(image) for image in images], **changed)


def group_prints(prints, **changed) -> list[int]:
    return find_groups(
        np.array([item.phash for item in prints], np.uint64),
        np.array([item.mirror for item in prints], np.uint64),
        np.array([item.thumb for item in prints], np.uint8).reshape(-1, THUMB, THUMB),
        **SETTINGS | changed,
    ).tolist()


def saved(image: Image.Image, quality: int) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("RGB")


def cropped(image: Image.Image, left: float, top: float, right: float, bottom: float):
    width, height = image.size
    return image.crop(
        (
            round(width * left),
            round(height * top),
            round(width * (1 - right)),
            round(height * (1 - bottom)),
        )
    )


def stamped(image: Image.Image, size: int = 24) -> Image.Image:
    copy = image.copy()
    place = (image.width * 0.05, image.height * 0.85)
    ImageDraw.Draw(copy).text(
        place, "shop-24.example", fill="white", stroke_fill="black", stroke_width=1, font_size=size
    )
    return copy


COPIES = {
    "saved again": lambda image: saved(image, 50),
    "half size": lambda image: image.resize((image.width // 2, image.height // 2)),
    "other shape": lambda image: image.resize((300, 300)),
    "mirror": ImageOps.mirror,
    "crop all sides": lambda image: saved(cropped(image, 0.05, 0.05, 0.05, 0.05), 90),
    "crop a corner": lambda image: cropped(image, 0.05, 0.05, 0, 0),
    "crop and mirror": lambda image: ImageOps.mirror(cropped(image, 0.02, 0.02, 0.01, 0.01)),
    "brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.2),
    "less contrast": lambda image: ImageEnhance.Contrast(image).enhance(0.6),
    "grey": lambda image: image.convert("L").convert("RGB"),
    "stamp": stamped,
}


@pytest.mark.parametrize("kind", COPIES)
def test_copies_are_grouped_with_their_original_alone(photos, kind):
    originals = photos[:5]
    copies = [COPIES[kind](image) for image in originals]
    assert group(originals + copies) == [0, 1, 2, 3, 4] * 2


def test_different_photographs_stay_apart(photos):
    assert group(photos) == list(range(len(photos)))


def test_a_part_of_an_image_is_not_a_copy(photos):
    assert group([photos[2], cropped(photos[2], 0.2, 0.2, 0.2, 0.2)]) == [0, 1]


def test_negative_and_upside_down_are_not_copies(photos):
    astronaut = photos[2]
    assert group([astronaut, ImageOps.invert(astronaut), ImageOps.flip(astronaut)]) == [0, 1, 2]


def test_copies_of_one_original_are_one_group_without_it(photos):
    # The two crops share 85 % of the width with item other, 92 % with the original.
    left, right = cropped(photos[0], 0.07, 0, 0, 0), cropped(photos[0], 0, 0, 0.07, 0)
    assert group([left, photos[1], photos[0], right]) == [0, 1, 0, 0]


def test_a_large_stamp_is_for_the_loose_rule(photos):
    coins = photos[4]
    pair = [coins, stamped(coins, 44)]
    thumbs = [fingerprint(image).thumb.ravel() for image in pair]
    assert 0.88 < np.corrcoef(thumbs[0], thumbs[1])[0, 1] < 0.97
    assert group(pair) == [0, 0]
    assert group(pair, agreement=1.0) == [0, 1]
    assert group(pair, correlation_loose=0.97) == [0, 1]


def test_copies_too_faint_to_tell_stay_apart(photos):
    faint = ImageEnhance.Contrast(photos[0]).enhance(0.02)
    assert 0.5 < fingerprint(faint).thumb.std() < 2
    assert group([faint, faint, saved(faint, 95)]) == [0, 1, 2]


def test_flat_images_stay_apart():
    grey = Image.new("RGB", (90, 60), (130, 130, 130))
    noise = np.random.default_rng(0).integers(126, 130, (600, 900, 3), dtype=np.uint8)
    assert group([grey, grey, Image.new("RGB", (60, 90)), Image.fromarray(noise)]) == [0, 1, 2, 3]


def test_smooth_images_that_correlate_stay_apart():
    """Two skies, both darker towards the ground, correlate by .99 and have no detail to share."""
    rng = np.random.default_rng(1)
    skies = []
    for _ in range(2):
        ramp = np.linspace(200, 60, 400)[:, None, None] * np.ones((1, 400, 3))
        clouds = np.asarray(
            Image.fromarray(rng.integers(0, 256, (25, 25), np.uint8)).resize((400, 400))
        )
        skies.append(ramp + (clouds[:, :, None] - 128.0) / 16)
    thumbs = [fingerprint(Image.fromarray(sky.clip(0, 255).astype(np.uint8))) for sky in skies]
    assert np.corrcoef(thumbs[0].thumb.ravel(), thumbs[1].thumb.ravel())[0, 1] > 0.98
    same_hash = [Fingerprint(thumbs[0].phash, item.mirror, item.thumb) for item in thumbs]
    assert group_prints(same_hash) == [0, 1]


def test_different_objects_on_the_same_ground_stay_apart(photos):
    """Products on white agree on the white, which is most of the image."""
    products = []
    for index, photo in enumerate([*photos, *map(ImageOps.flip, photos)]):
        mask = Image.new("L", (80, 80), 0)
        ImageDraw.Draw(mask).ellipse((2, 4 + index, 77, 75 - index), fill=255)
        canvas = Image.new("RGB", (240, 240), "white")
        canvas.paste(photo.resize((80, 80)), (80, 80), mask.rotate(25 * index))
        products.append(canvas)
    assert group(products) == list(range(len(products)))


def test_equal_images_cost_no_comparison(photos):
    assert group([photos[0]] * 40 + [photos[1]] * 3) == [0] * 40 + [40] * 3


def test_many_strangers_with_one_hash_are_all_compared(photos, monkeypatch):
    """Placeholder hashes: every pair is looked at, in blocks, and the one true pair is found."""
    monkeypatch.setattr(hash_search, "PAIR_BLOCK", 50)
    rng = np.random.default_rng(2)
    thumbs = rng.integers(0, 256, (30, THUMB, THUMB), dtype=np.uint8)
    thumbs[17] = thumbs[4] // 2 + 60
    prints = [Fingerprint(np.uint64(7), np.uint64(9), thumb) for thumb in thumbs]
    expected = list(range(30))
    expected[17] = 4
    assert group_prints(prints) == expected


def test_no_and_one_image(photos):
    assert group([]) == []
    assert group([photos[0]]) == [0]


def test_thumbnails_may_be_a_memory_map(photos, tmp_path):
    prints = [fingerprint(image) for image in [*photos[:3], ImageOps.mirror(photos[1])]]
    thumbs = np.memmap(tmp_path / "thumbs", np.uint8, "w+", shape=(4, THUMB, THUMB))
    thumbs[:] = [item.thumb for item in prints]
    labels = find_groups(
        np.array([item.phash for item in prints]),
        np.array([item.mirror for item in prints]),
        thumbs,
        **SETTINGS,
    )
    assert labels.dtype == np.int64
    assert labels.tolist() == [0, 1, 2, 1]


def test_wrong_inputs_are_named():
    hashes, thumbs = np.zeros(2, np.uint64), np.zeros((2, THUMB, THUMB), np.uint8)
    with pytest.raises(ValueError, match=r"Expected mirror .* \(2,\)\. Received: .* \(1,\)"):
        find_groups(hashes, hashes[:1], thumbs, **SETTINGS)
    with pytest.raises(ValueError, match="Expected phash to be uint64"):
        find_groups(hashes.astype(np.int64), hashes, thumbs, **SETTINGS)
    with pytest.raises(ValueError, match=r"Expected hash_distance in 0 to 32\. Received: 40"):
        find_groups(hashes, hashes, thumbs, **SETTINGS | {"hash_distance": 40})


@pytest.fixture(scope="module")
def prints(photos):
    """Eight photographs, and copies of every kind of the first four."""
    copies = [change(image) for image in photos[:4] for change in COPIES.values()]
    return [fingerprint(image) for image in photos + copies]


@settings(max_examples=10, deadline=None)
@given(st.randoms(use_true_random=False))
def test_partition_does_not_depend_on_order(prints, random):
    order = list(range(len(prints)))
    random.shuffle(order)
    labels = group_prints(prints)
    shuffled = group_prints([prints[k] for k in order])
    # Two partitions are equal when their labels are in one-to-one correspondence.
    pairs = {(labels[k], shuffled[place]) for place, k in enumerate(order)}
    assert len(pairs) == len(set(labels)) == len(set(shuffled))
    assert all(label <= place for place, label in enumerate(shuffled))
    assert all(shuffled[label] == label for label in shuffled)
