"""Every kind of file that scraped sets hold (decoding, colour, orientation) and the resize."""

import io
import zlib

import numpy as np
import pytest
from conftest import make_picture, picture_bytes
from PIL import Image

from stages.common.images import (
    ImageError,
    decode,
    decode_png,
    encode_png,
    load_pixels,
    resize,
    to_rgb,
)

LIMIT = 10_000_000


def reason_of(data: bytes, max_pixels=LIMIT) -> str:
    with pytest.raises(ImageError) as caught:
        decode(data, max_pixels)
    return caught.value.reason


def pixel(image: Image.Image, at=(0, 0)):
    return image.getpixel(at)


@pytest.mark.parametrize("encoding", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "PPM"])
def test_allowed_formats_are_known_by_content(encoding):
    decoded = decode(picture_bytes(make_picture(1), encoding), LIMIT)
    assert decoded.format == encoding
    assert (decoded.width, decoded.height) == (60, 48) == decoded.image.size
    assert decoded.image.mode == "RGB"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"<!DOCTYPE html><html></html>", "not_an_image"),
        (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "not_an_image"),
        (b"%PDF-1.7 ...", "not_an_image"),
        (b"\0\5\x16\7\0\2\0\0Mac OS X        ", "not_an_image"),  # ._picture.jpg
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "unsupported_format"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "unsupported_format"),
        (b"8BPS\0\1" + bytes(40), "unsupported_format"),
        (b"\x89PNG\r\n\x1a\n", "truncated"),
        (b"\xff\xd8\xff\xe0", "truncated"),
    ],
)
def test_what_is_no_usable_picture_is_told_apart(data, reason):
    assert reason_of(data) == reason


@pytest.mark.parametrize("encoding", ["JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF"])
def test_cut_files_are_found(encoding):
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (90, 90, 3), np.uint8))
    data = picture_bytes(noise, encoding)
    assert reason_of(data[: len(data) * 6 // 10]) == "truncated"


def test_a_jpeg_without_its_end_marker_is_found():
    data = picture_bytes(make_picture(1, (200, 200)), "JPEG")
    assert data.endswith(b"\xff\xd9")
    assert reason_of(data[:-40]) == "truncated"


def test_size_is_judged_from_the_header():
    """40,000 x 40,000 px in a file of a few hundred bytes: decoding it would take 4.8 GB."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        checksum = zlib.crc32(kind + content).to_bytes(4, "big")
        return len(content).to_bytes(4, "big") + kind + content + checksum

    side = (40_000).to_bytes(4, "big")
    header = chunk(b"IHDR", side + side + b"\x08\2\0\0\0")
    bomb = b"\x89PNG\r\n\x1a\n" + header + chunk(b"IEND", b"")
    assert reason_of(bomb) == "too_large"
    assert reason_of(picture_bytes(make_picture(1)), max_pixels=60 * 48 - 1) == "too_large"
    assert decode(picture_bytes(make_picture(1)), max_pixels=60 * 48).width == 60


def test_sixteen_bit_grey_is_scaled_not_clipped():
    grey = Image.fromarray(np.full((30, 30), 257 * 100, np.uint16))
    decoded = decode(picture_bytes(grey, "PNG"), LIMIT)
    assert decoded.mode == "I;16"
    assert pixel(decoded.image) == (100, 100, 100)


def test_transparency_becomes_white():
    clear = Image.new("RGBA", (30, 30), (255, 0, 0, 0))
    assert pixel(decode(picture_bytes(clear), LIMIT).image) == (255, 255, 255)
    half = Image.new("LA", (30, 30), (0, 128))
    assert pixel(decode(picture_bytes(half), LIMIT).image) == (127, 127, 127)
    palette = Image.new("P", (30, 30), 1)
    palette.putpalette([0, 0, 0, 10, 20, 30])
    data = picture_bytes(palette, "GIF", transparency=1)
    assert pixel(decode(data, LIMIT).image) == (255, 255, 255)


@pytest.mark.parametrize(
    ("mode", "colour", "expected"),
    [
        ("CMYK", (0, 0, 0, 255), (0, 0, 0)),
        ("L", 77, (77, 77, 77)),
        ("1", 1, (255, 255, 255)),
    ],
)
def test_other_modes_become_rgb(mode, colour, expected):
    data = picture_bytes(Image.new(mode, (40, 40), colour), "TIFF")
    decoded = decode(data, LIMIT)
    assert decoded.mode == mode
    assert pixel(decoded.image) == expected


def test_exif_orientation_is_applied():
    image = Image.new("RGB", (40, 20), "black")
    image.putpixel((0, 0), (255, 255, 255))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise by a quarter
    decoded = decode(picture_bytes(image, "PNG", exif=exif), LIMIT)
    assert (decoded.width, decoded.height) == (20, 40)
    assert pixel(decoded.image, (19, 0)) == (255, 255, 255)


def test_an_animation_gives_its_first_frame():
    frames = [Image.new("RGB", (30, 30), colour) for colour in ("red", "blue")]
    stream = io.BytesIO()
    frames[0].save(stream, "WEBP", save_all=True, append_images=frames[1:], lossless=True)
    assert pixel(decode(stream.getvalue(), LIMIT).image) == (255, 0, 0)


def test_float_pictures_are_stretched_over_their_range():
    grey = to_rgb(Image.fromarray(np.array([[0.0, 0.5], [1.0, 1.0]], np.float32)))
    assert [pixel(grey, at)[0] for at in ((0, 0), (1, 0), (0, 1))] == [0, 128, 255]


def test_resize_stretches_crops_or_pads():
    image = Image.new("RGB", (40, 20), "red")
    image.paste("blue", (20, 0, 40, 20))
    stretched = np.asarray(resize(image, (20, 20), "stretch"))
    assert stretched.shape == (20, 20, 3)
    assert stretched[10, 2].tolist() == [255, 0, 0]
    assert stretched[10, 17].tolist() == [0, 0, 255]
    padded = np.asarray(resize(image, (40, 40), "pad"))
    assert padded[5, 20].tolist() == [0, 0, 0]
    assert padded[20, 2].tolist() == [255, 0, 0]
    cropped = np.asarray(resize(image, (10, 10), "crop"))
    assert cropped[5, 1].tolist() == [255, 0, 0]
    assert cropped[5, 8].tolist() == [0, 0, 255]
    with pytest.raises(ValueError, match="how='squeeze'"):
        resize(image, (10, 10), "squeeze")


def test_resize_is_antialiased():
    """A 1 px checkerboard reduced to a quarter is grey, not black or white."""
    board = np.indices((64, 64)).sum(axis=0) % 2 * 255
    image = Image.fromarray(np.repeat(board[..., None], 3, axis=2).astype(np.uint8))
    small = np.asarray(resize(image, (16, 16), "stretch")).astype(int)
    assert np.abs(small - 127.5).max() < 12


def test_png_bytes_keep_every_pixel():
    image = make_picture(3)
    assert np.array_equal(decode_png(encode_png(image)), np.asarray(image))


def test_load_pixels_is_decode_then_resize():
    data = picture_bytes(make_picture(4), "JPEG")
    expected = resize(decode(data, LIMIT).image, (32, 24), "stretch")
    assert load_pixels(data, (32, 24), "stretch", LIMIT).tobytes() == expected.tobytes()
