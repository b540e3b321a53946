"""Greys of more than 8 bits, with numbers worked out by hand."""

import io

import numpy as np
import pytest
from PIL import Image, TiffImagePlugin

from common.deep_grey import (
    GDAL_NODATA,
    HEAD,
    Extent,
    extent_of,
    greys_of,
    is_deep,
    may_be_deep,
    to_8_bits,
)
from common.preprocessing import NO_GREYS, Greys
from tests.helpers.images import image_bytes, make_image


def whole(*values: int) -> Image.Image:
    return Image.fromarray(np.array([values], np.uint16))


def real(*values: float) -> Image.Image:
    return Image.fromarray(np.array([values], np.float32))


def pixels(image: Image.Image, greys: Greys = NO_GREYS) -> list[int]:
    return np.asarray(to_8_bits(image, greys))[0].tolist()


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((0, 2048, 4095), [0, 128, 255]),  # 12 bits in 16: 2048 * 255 / 4095 = 127.5, to even
        ((0, 100, 255), [0, 100, 255]),  # 8 bits in 16
        ((0, 3, 7), [0, 3, 7]),  # fewer than 8: as they are
        ((0, 32768, 65535), [0, 128, 255]),
        ((0, 100, 300, 511, 65535), [0, 50, 150, 255, 255]),  # one broken pixel of a sensor
    ],
)
def test_whole_numbers_by_the_bits_that_they_use(values, expected):
    assert pixels(whole(*values)) == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((0.0, 0.2, 1.0), [0, 51, 255]),
        ((0.1, 0.2, 0.4), [26, 51, 102]),  # 0.1 * 255 = 25.5, to even
        ((0.0, 12.4, 99.7, 200.0), [0, 12, 100, 200]),
        ((-10.0, 0.0, 10.0, 40.0), [0, 51, 102, 255]),
        ((-10.0, 0.0, 10.0, 40.0, np.inf, np.nan, -np.inf), [0, 51, 102, 255, 0, 0, 0]),
        ((-9999.0, 0.0, 10.0, 20.0), [0, 0, 128, 255]),  # no data, though no tag says so
        ((np.finfo(np.float32).min, 0.0, 10.0, 20.0), [0, 0, 128, 255]),
        ((1e3, 1.5e3, 2e3), [0, 128, 255]),
    ],
)
def test_floating_point_numbers_by_the_values_that_there_are(values, expected):
    assert pixels(real(*values)) == expected


def test_the_tag_of_missing_values():
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[GDAL_NODATA] = "-1"
    stream = io.BytesIO()
    real(-1, 0, 50, 100).save(stream, "TIFF", tiffinfo=tags)
    with Image.open(stream) as image:
        assert extent_of(image) == Extent(True, 0, 100)
        assert pixels(image) == [0, 0, 128, 255]


def test_black_and_white_of_a_set_are_those_of_all_its_files():
    extents = [extent_of(image) for image in (whole(0, 100, 500), whole(7, 900), real(0, 0.5))]
    assert greys_of(extents) == Greys(whole=(0.0, 1023.0), real=(0.0, 1.0))
    assert greys_of([]) == Greys()


def test_two_pictures_of_a_set_keep_their_relation():
    greys = greys_of(map(extent_of, (whole(0, 1000), whole(0, 4000))))
    dim, bright = pixels(whole(0, 1000), greys), pixels(whole(0, 4000), greys)
    assert (dim, bright) == ([0, 62], [0, 249])  # 1000 and 4000 of 4095
    assert pixels(whole(0, 8000), greys) == [0, 255]  # brighter than the set ever was: clipped


def test_a_white_page_has_no_say():
    assert greys_of(map(extent_of, (whole(65535, 65535), whole(0, 4000)))).whole == (0, 4095)
    assert greys_of(map(extent_of, (whole(4000, 4000),))).whole == (0, 4095)


def test_shallow_images_are_left_alone():
    assert not any(is_deep(Image.new(mode, (1, 1))) for mode in ("1", "L", "RGB", "RGBA", "P"))


@pytest.mark.parametrize(
    ("image", "file_format", "expected"),
    [
        (whole(1, 2), "PNG", True),
        (whole(1, 2), "TIFF", True),
        (real(1, 2), "TIFF", True),
        (whole(1, 2), "PPM", True),
        (make_image(1).convert("L"), "PNG", False),
        (make_image(1), "PNG", False),
        (make_image(1), "JPEG", False),
        (make_image(1), "WEBP", False),
    ],
)
def test_the_first_bytes_spare_the_opening(image, file_format, expected):
    assert may_be_deep(image_bytes(image, file_format)[:HEAD]) == expected


def test_each_kind_has_its_own_say():
    """A flat file of floating-point numbers counts where there is no other of them."""
    extents = [extent_of(whole(0, 4000)), extent_of(real(0.5, 0.5))]
    assert greys_of(extents) == Greys(whole=(0.0, 4095.0), real=(0.0, 1.0))
