"""Decoder processes: equal to the predictor's own decoding, and safe from hostile images."""

import io
import os
import signal
import struct
import subprocess
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.predictor import Predictor
from app.serve import decoder_process
from app.serve.decoder_pool import DecoderPool
from app.serve.errors import ServiceError
from app.serve.settings import Limits
from common.images import ImageError
from common.preprocessing import Greys, Preprocessing
from tests.helpers.images import image_bytes, make_image

SIZE = (64, 64)
GOOD = image_bytes(make_image(3, (90, 60), "red"))


@pytest.fixture(scope="module")
def decoders():
    limits = Limits(decoders=1, decode_seconds=5, decoder_bytes=300_000_000)
    opened = DecoderPool(Preprocessing(SIZE, "crop", 50_000_000), limits)
    yield opened
    opened.close()


@pytest.fixture(autouse=True)
def works_afterwards(decoders):
    yield
    assert decoders.prepare(GOOD).pixels.shape == (*SIZE, 3)


def process(decoders) -> subprocess.Popen:
    return decoders._all[0]._process


def test_deep_greys_are_scaled_as_in_the_training_set():
    asked = Preprocessing(SIZE, "stretch", 10**6, Greys(whole=(0.0, 8191.0)))
    pool = DecoderPool(asked, Limits(decoders=1))
    try:
        grey = Image.fromarray(np.full(SIZE, 2048, np.uint16))
        assert (pool.prepare(image_bytes(grey)).pixels == 64).all()  # 2048 * 255 / 8191 = 63.76
    finally:
        pool.close()


def test_pixels_and_aspect_are_those_of_the_predictor(decoders):
    other = object.__new__(Predictor)
    other.preprocessing = Preprocessing(SIZE, "crop", 10**8)
    exif = Image.Exif()
    exif[0x0112] = 6
    for format_, options in {
        "PNG": {}, "JPEG": {"exif": exif}, "WEBP": {}, "GIF": {}, "BMP": {}, "AVIF": {},
    }.items():  # fmt: skip
        data = image_bytes(make_image(4, (400, 300)), format_, **options)
        prepared, expected = decoders.prepare(data), other.prepare(data)
        np.testing.assert_array_equal(prepared.pixels, expected.pixels)
        assert prepared.aspect == expected.aspect == (0.75 if options else 4 / 3), format_


def png(width: int, height: int, *chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG, one bit a pixel, with further chunks before its image, which is missing."""
    head = (b"IHDR", struct.pack("!IIBBBBB", width, height, 1, 0, 0, 0, 0))
    body = b"".join(
        struct.pack("!I", len(content))
        + name
        + content
        + struct.pack("!I", zlib.crc32(name + content))
        for name, content in (head, *chunks)
    )
    return b"\x89PNG\r\n\x1a\n" + body


BOMB = zlib.compress(bytes(200_000_000), 9)


def scans(count: int) -> bytes:
    data = image_bytes(make_image(1, (2000, 2000)), "JPEG", progressive=True, quality=1)
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * count + b"\xff\xd9"


@pytest.mark.parametrize(
    "data, reason",
    [
        (b"", "empty"),
        (b"<html>", "not_an_image"),
        (b"GIF", "not_an_image"),
        (image_bytes(make_image(1), "TIFF"), "unsupported_format"),
        (image_bytes(make_image(1), "PPM"), "unsupported_format"),
        (image_bytes(make_image(1), "ICO"), "unsupported_format"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "unsupported_format"),
        (GOOD[:200], "truncated"),
        (png(50_000, 50_000, (b"IDAT", BOMB)), "too_large"),
        (png(9, 9, (b"iCCP", b"x\0\0" + BOMB)), "truncated"),
        (png(9, 9, (b"zTXt", b"x\0\0" + BOMB)), "truncated"),
        (scans(200), "unsupported_format"),
    ],
    ids=range(12),
)
def test_what_gives_no_image_is_refused_soon(decoders, data, reason):
    before, start = process(decoders).pid, time.monotonic()
    with pytest.raises(ImageError) as caught:
        decoders.prepare(data)
    assert caught.value.reason == reason
    assert time.monotonic() - start < 3
    assert process(decoders).pid == before  # nothing had to be stopped


def test_of_data_that_unpacks_to_more_than_the_image_only_the_image_is_read(decoders):
    start = time.monotonic()
    assert not decoders.prepare(png(9, 9, (b"IDAT", BOMB))).pixels.any()
    assert time.monotonic() - start < 1


def test_an_image_that_needs_too_much_memory_is_refused(decoders):
    image = io.BytesIO()
    Image.new("LA", (7000, 7000)).save(image, "PNG")  # 98 MB, and four copies of twice that
    before = process(decoders).pid
    with pytest.raises(ImageError) as caught:
        decoders.prepare(image.getvalue())
    assert (caught.value.reason, process(decoders).pid) == ("too_large", before)


def test_an_image_that_takes_too_long_is_stopped():
    image = io.BytesIO()
    Image.new("RGB", (7000, 7000)).save(image, "PNG")
    limits = Limits(decoders=1, decode_seconds=0.1)
    slow = DecoderPool(Preprocessing(SIZE, "stretch", 10**8), limits)
    before = process(slow)
    with pytest.raises(ServiceError) as caught:
        slow.prepare(image.getvalue())
    assert caught.value.code == "timed_out"
    assert before.returncode == -signal.SIGKILL and process(slow) is not before
    slow.close()


def test_a_decoder_that_dies_costs_one_image(decoders):
    before = process(decoders)
    os.kill(before.pid, signal.SIGKILL)
    with pytest.raises(ImageError, match="the decoder died"):
        decoders.prepare(GOOD)
    assert process(decoders) is not before


def test_no_decoder_outlives_the_server():
    other = DecoderPool(Preprocessing(SIZE, "stretch", 10**8), Limits(decoders=1))
    other.prepare(GOOD)
    child = process(other)
    other._all[0].connection.close()  # as the system does when the server is killed
    assert child.wait(10) == 0


def test_decoders_do_without_tensorflow():
    words = "import sys, app.serve.decoder_process; sys.exit('tensorflow' in sys.modules)"
    root = Path(decoder_process.__file__).parents[2]
    python = [os.sys.executable, "-c", words]
    assert subprocess.run(python, cwd=root).returncode == 0
