"""Fingerprints: hashes by hand, and what they do not depend on."""

import numpy as np
import pytest
from PIL import Image, ImageOps

from stages.clean.duplicates.fingerprints import THUMB, _frequencies, _pack, _spectrum, fingerprint


def expected_hash(*frequencies: tuple[int, int]) -> int:
    """Hash with the bits of these (vertical, horizontal) frequencies set."""
    vertical, horizontal = _frequencies()
    places = list(zip(vertical.tolist(), horizontal.tolist(), strict=True))
    return sum(1 << places.index(frequency) for frequency in frequencies)


def test_hash_by_hand():
    """Left half white, right half black: only frequencies (0, odd) are not zero.

    Frequency u sums cos(pi u (2 x + 1) / 144) over the 36 white columns, which has the sign of
    sin(pi u / 2): + - + - + for u = 1, 3, 5, 7, 9. Most of the 64 are zero, so is their median.
    The mirror image has the opposite signs.
    """
    image = Image.new("RGB", (72, 72))
    image.paste((255, 255, 255), (0, 0, 36, 72))
    result = fingerprint(image)
    assert (result.thumb[:, :36] == 255).all()
    assert (result.thumb[:, 36:] == 0).all()
    assert int(result.phash) == expected_hash((0, 1), (0, 5))
    assert int(result.mirror) == expected_hash((0, 3), (0, 7))


def test_frequencies_are_the_lowest_dealt_over_the_chunks():
    vertical, horizontal = _frequencies()
    radius = vertical**2 + horizontal**2
    assert sorted(radius.tolist())[:8] == [1, 1, 2, 4, 4, 5, 5, 8]
    assert radius.max() == 72
    assert len(set(zip(vertical.tolist(), horizontal.tolist(), strict=True))) == 64
    for chunk in radius.reshape(4, 16):
        assert (np.diff(chunk) >= 0).all()
        assert chunk[0] <= 4


def test_mirror_is_the_hash_of_the_mirror_image(photos):
    for photo in photos:
        flipped = fingerprint(ImageOps.mirror(photo))
        assert np.bitwise_count(fingerprint(photo).mirror ^ flipped.phash) <= 2


def test_hash_ignores_brightness_and_contrast(photos):
    photo = fingerprint(photos[2])
    assert np.array_equal(_pack(_spectrum(photo.thumb[None] * 0.5 + 40)), [photo.phash])


def test_fingerprint_leaves_the_image_alone(photos):
    before = photos[1].tobytes()
    result = fingerprint(photos[1])
    assert photos[1].tobytes() == before
    assert result.phash.dtype == result.mirror.dtype == np.uint64
    assert (result.thumb.shape, result.thumb.dtype) == ((THUMB, THUMB), np.uint8)


@pytest.mark.parametrize("size", [(1, 1), (1, 500), (5000, 2), (7, 3)])
def test_fingerprint_of_any_size(size):
    assert fingerprint(Image.new("RGB", size, (9, 9, 9))).thumb.tolist() == [[9] * THUMB] * THUMB
