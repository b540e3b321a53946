"""Decoding of every kind of file that scraped sets hold (colour, orientation), and resizing."""

import gzip
import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, PngImagePlugin, TiffImagePlugin

from common.image_formats import camera_raw
from common.images import (
    ImageError,
    decode,
    decode_png,
    encode_png,
    load_pixels,
    prepare,
    resize,
    to_rgb,
)
from common.preprocessing import Preprocessing
from common.reasons import DECODING, REASONS
from tests.helpers.images import image_bytes, make_image

LIMIT = 10_000_000


def reason_of(data: bytes, max_pixels=LIMIT) -> str:
    with pytest.raises(ImageError) as caught:
        decode(data, max_pixels)
    return caught.value.reason


def pixel(image: Image.Image, at=(0, 0)):
    return image.getpixel(at)


@pytest.mark.parametrize("encoding", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "PPM"])
def test_allowed_formats_are_known_by_content(encoding):
    decoded = decode(image_bytes(make_image(1), encoding), LIMIT)
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
        (b"\0\5\x16\7\0\2\0\0Mac OS X        ", "not_an_image"),  # ._image.jpg
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "unsupported_format"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "unsupported_format"),
        (b"8BPS\0\1" + bytes(40), "unsupported_format"),
        (b"\0\0\0\x18ftypisom\0\0\0\0mp42", "not_an_image"),  # a film
        (b"RIFF\x24\0\0\0WAVEfmt ", "not_an_image"),
        (b"RIFF\x24\0\0\0WEBPVP8 ", "truncated"),
        (b"\0\0\0\x18ftypavif\0\0\0\0", "truncated"),
        (bytes(128) + b"DICM", "unsupported_format"),
        (b"\xff\x4f\xff\x51\0\x2f", "unsupported_format"),  # JPEG 2000 without a container
        (gzip.compress(bytes(344) + b"n+1\0", mtime=0), "unsupported_format"),
        (gzip.compress(b"text", mtime=0), "not_an_image"),
        (b"FUJIFILMCCD-RAW 0201", "unsupported_format"),
        (b"\x89PNG\r\n\x1a\n", "truncated"),
        (b"\xff\xd8\xff\xe0", "truncated"),
    ],
)
def test_what_is_no_usable_image_is_told_apart(data, reason):
    assert reason_of(data) == reason


@pytest.mark.parametrize("encoding", ["JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF"])
def test_cut_files_are_found(encoding):
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (90, 90, 3), np.uint8))
    data = image_bytes(noise, encoding)
    assert reason_of(data[: len(data) * 6 // 10]) == "truncated"


@pytest.mark.parametrize("encoding", ["AVIF", "WEBP", "TIFF", "PNG", "JPEG", "GIF", "BMP"])
def test_any_changed_byte_gives_a_picture_or_a_reason(encoding):
    data = bytearray(image_bytes(make_image(1, (48, 40)), encoding))
    for position in range(0, len(data), max(1, len(data) // 300)):
        changed = data.copy()
        changed[position] ^= 0xFF
        try:
            decoded = decode(bytes(changed), LIMIT)
        except ImageError as error:
            assert error.reason in DECODING
        else:
            assert decoded.image.mode == "RGB"


@pytest.mark.parametrize("compressed", [False, True])
def test_a_png_with_much_text_is_whole(compressed):
    image, text = make_image(1), PngImagePlugin.PngInfo()
    text.add_text("workflow", "x" * 3_000_000, zip=compressed)
    text.add_itxt("prompt", "y" * 3_000_000, zip=compressed)
    data = image_bytes(image, "PNG", pnginfo=text)
    assert np.array_equal(np.asarray(decode(data, LIMIT).image), np.asarray(image))
    assert reason_of(data[:-900]) == "truncated"


@pytest.mark.parametrize(
    "tags",
    [
        {50706: (1, 4, 0, 0)},  # DNGVersion
        {262: 32803},  # a colour filter array
        {254: 1, 330: (8,)},  # a thumbnail, and the picture elsewhere
    ],
)
def test_camera_raw_is_not_its_thumbnail(tags):
    directory = TiffImagePlugin.ImageFileDirectory_v2()
    for tag, value in tags.items():
        directory[tag] = value
    assert camera_raw(directory, b"II*\0" + bytes(60))
    assert camera_raw(TiffImagePlugin.ImageFileDirectory_v2(), b"II*\0\x10\0\0\0CR\2\0")
    assert not camera_raw(TiffImagePlugin.ImageFileDirectory_v2(), b"II*\0" + bytes(60))
    data = image_bytes(make_image(1, (160, 120)), "TIFF", tiffinfo={50706: bytes([1, 4, 0, 0])})
    with pytest.raises(ImageError, match="unsupported_format: camera RAW"):
        decode(data, LIMIT)
    assert decode(image_bytes(make_image(1), "TIFF", tiffinfo={270: "text"}), LIMIT).width == 60


def test_a_tiff_of_many_bands_is_no_damage():
    bands = tifffile_of(np.zeros((7, 20, 20), np.uint16))
    with pytest.raises(ImageError, match="unsupported_format: a TIFF of 7 bands of 16 bits"):
        decode(bands, LIMIT)
    assert reason_of(bands[:-900]) == "truncated"


def tifffile_of(bands: np.ndarray) -> bytes:
    """A TIFF of bands beside one another, little-endian, in one strip."""
    n, height, width = bands.shape
    pixels = np.ascontiguousarray(bands.transpose(1, 2, 0)).tobytes()
    start = 8 + 2 + 12 * 10 + 4
    bits = start + len(pixels)
    entries = [
        (256, 4, 1, width),
        (257, 4, 1, height),
        (258, 3, n, bits),
        (259, 3, 1, 1),
        (262, 3, 1, 1),
        (273, 4, 1, start),
        (277, 3, 1, n),
        (278, 4, 1, height),
        (279, 4, 1, len(pixels)),
        (284, 3, 1, 1),
    ]
    head = b"II*\0" + struct.pack("<IH", 8, len(entries))
    head += b"".join(struct.pack("<HHII", *entry) for entry in entries) + bytes(4)
    return head + pixels + struct.pack(f"<{n}H", *[16] * n)


def test_a_jpeg_without_its_end_marker_is_found():
    data = image_bytes(make_image(1, (200, 200)), "JPEG")
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
    assert reason_of(image_bytes(make_image(1)), max_pixels=60 * 48 - 1) == "too_large"
    assert decode(image_bytes(make_image(1)), max_pixels=60 * 48).width == 60


def test_sixteen_bit_grey_is_scaled_not_clipped():
    values = np.full((30, 30), 257 * 100, np.uint16)
    values[-1, -1] = 65535
    decoded = decode(image_bytes(Image.fromarray(values), "PNG"), LIMIT)
    assert decoded.mode == "I;16"
    assert pixel(decoded.image) == (100, 100, 100)


def test_transparency_becomes_white():
    clear = Image.new("RGBA", (30, 30), (255, 0, 0, 0))
    assert pixel(decode(image_bytes(clear), LIMIT).image) == (255, 255, 255)
    half = Image.new("LA", (30, 30), (0, 128))
    assert pixel(decode(image_bytes(half), LIMIT).image) == (127, 127, 127)
    palette = Image.new("P", (30, 30), 1)
    palette.putpalette([0, 0, 0, 10, 20, 30])
    data = image_bytes(palette, "GIF", transparency=1)
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
    data = image_bytes(Image.new(mode, (40, 40), colour), "TIFF")
    decoded = decode(data, LIMIT)
    assert decoded.mode == mode
    assert pixel(decoded.image) == expected


def test_exif_orientation_is_applied():
    image = Image.new("RGB", (40, 20), "black")
    image.putpixel((0, 0), (255, 255, 255))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise by a quarter
    decoded = decode(image_bytes(image, "PNG", exif=exif), LIMIT)
    assert (decoded.width, decoded.height) == (20, 40)
    assert pixel(decoded.image, (19, 0)) == (255, 255, 255)


def test_an_animation_gives_its_first_frame():
    frames = [Image.new("RGB", (30, 30), colour) for colour in ("red", "blue")]
    stream = io.BytesIO()
    frames[0].save(stream, "WEBP", save_all=True, append_images=frames[1:], lossless=True)
    assert pixel(decode(stream.getvalue(), LIMIT).image) == (255, 0, 0)


def test_float_images_are_stretched_over_their_range():
    grey = to_rgb(Image.fromarray(np.array([[0.0, 0.5], [1.0, 1.0]], np.float32)))
    assert [pixel(grey, at)[0] for at in ((0, 0), (1, 0), (0, 1))] == [0, 128, 255]


def test_a_reason_without_words_is_refused():
    for reason in REASONS:
        assert str(ImageError(reason, "detail")) == f"{reason}: detail"
    with pytest.raises(ValueError, match="reason='mouldy'"):
        ImageError("mouldy", "detail")


def test_every_reason_that_decoding_gives_is_listed():
    assert set(DECODING) <= set(REASONS)
    image = image_bytes(make_image(1))
    reasons = {reason_of(data) for data in (b"", b"<html>", b"8BPS\0\1" + bytes(40), image[:200])}
    assert reasons | {reason_of(image, max_pixels=60 * 48 - 1)} == set(DECODING)


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
    image = make_image(3)
    assert np.array_equal(decode_png(encode_png(image)), np.asarray(image))


def load_full(data, image_size, how="stretch"):
    return resize(decode(data, LIMIT).image, image_size, how)


@pytest.mark.parametrize(
    ("size", "encoding"),
    [((60, 48), "JPEG"), ((95, 500), "JPEG"), ((400, 300), "PNG"), ((400, 300), "WEBP")],
)
def test_load_pixels_is_decode_then_resize(size, encoding):
    """To the bit, wherever there is no JPEG of four times the size, which would be reduced."""
    data = image_bytes(make_image(4, size), encoding)
    pixels = load_pixels(data, Preprocessing((32, 24), "stretch", LIMIT))
    assert pixels.tobytes() == load_full(data, (32, 24)).tobytes()
    prepared = prepare(data, Preprocessing((32, 24), "stretch", LIMIT))
    assert prepared.pixels.dtype == np.uint8
    np.testing.assert_array_equal(prepared.pixels, np.asarray(pixels))


def test_the_aspect_is_that_of_the_upright_file():
    """Also where a JPEG is reduced: 1017 px are 127.125 of 128 px at an eighth."""
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter
    for encoding in ("PNG", "JPEG"):
        data = image_bytes(make_image(5, (1017, 1209)), encoding, exif=exif)
        for how in ("stretch", "crop", "pad"):
            prepared = prepare(data, Preprocessing((60, 40), how, 10**7))
            assert prepared.aspect == 1209 / 1017
            assert prepared.pixels.shape == (60, 40, 3)


@pytest.mark.parametrize(
    ("size", "wanted", "reduced"),
    [
        ((1023, 767), (64, 96), (256, 192)),  # (height, width) = (64, 96): 128 x 192 fit in /4
        ((1023, 767), (24, 24), (128, 96)),  # an eighth is the least
        ((383, 767), (64, 96), (383, 767)),  # half would be 191.5 px wide, not 192
        ((384, 767), (64, 96), (192, 384)),
    ],
)
def test_a_jpeg_is_reduced_while_it_stays_twice_the_size(size, wanted, reduced):
    decoded = decode(image_bytes(make_image(1, size), "JPEG"), LIMIT, wanted)
    assert decoded.image.size == reduced
    scale = round(size[0] / reduced[0])
    assert decoded.box == (0, 0, size[0] / scale, size[1] / scale)
    assert decode(image_bytes(make_image(1, size), "JPEG"), LIMIT).image.size == size


@pytest.mark.parametrize("how", ["stretch", "crop", "pad"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_reducing_keeps_every_pixel_in_its_place(orientation, how):
    """1017 px are 127.125 of 128 px at an eighth: without the box all would shift to one side."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = make_image(5, (1017, 1209))
    data = image_bytes(image, "JPEG", quality=95, exif=exif)
    reduced = np.asarray(load_pixels(data, Preprocessing((60, 40), how, LIMIT)), int)
    difference = np.abs(reduced - np.asarray(load_full(data, (60, 40), how), int))
    assert decode(data, LIMIT, (60, 40)).image.width < 160
    assert difference.mean() < 0.4
    assert difference.max() <= 3


@pytest.mark.parametrize("mode", ["L", "CMYK"])
@pytest.mark.parametrize("progressive", [False, True])
def test_reduced_grey_and_print_colours_are_those_of_the_whole(mode, progressive):
    image = make_image(6, (800, 640)).convert(mode)
    data = image_bytes(image, "JPEG", quality=95, progressive=progressive)
    decoded = decode(data, LIMIT, (60, 60))
    assert (decoded.mode, decoded.image.mode) == (mode, "RGB")
    assert decoded.image.size == (200, 160)
    reduced = np.asarray(load_pixels(data, Preprocessing((60, 60), "stretch", LIMIT)), int)
    assert np.abs(reduced - np.asarray(load_full(data, (60, 60)), int)).mean() < 1


def test_a_cut_jpeg_is_found_while_reducing_too():
    noise = np.random.default_rng(0).integers(0, 256, (640, 640, 3), np.uint8)
    data = image_bytes(Image.fromarray(noise), "JPEG")
    for cut in (data[: len(data) * 6 // 10], data[:-40]):
        with pytest.raises(ImageError, match="truncated"):
            load_pixels(cut, Preprocessing((32, 32), "stretch", LIMIT))
    with pytest.raises(ImageError, match="too_large"):  # of the file, not of what is decoded
        load_pixels(data, Preprocessing((32, 32), "stretch", 640 * 640 - 1))
