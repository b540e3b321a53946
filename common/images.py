"""Decoding and resizing of image files: the one path from bytes to pixels, in training and serving.

Decoders differ (TensorFlow's and Pillow's JPEGs by up to 4 levels, their resizes by up to 98 at
edges), so every image, whether trained on, evaluated or served, comes through `prepare`. There a
JPEG much larger than the requested size is decoded at a fraction of its size, which libjpeg does
inside the inverse transform: benchmarks/decode.py measures what that saves and changes.
"""

import contextlib
import dataclasses
import io
import warnings
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from common.deep_grey import is_deep, to_8_bits
from common.image_formats import FORMATS, camera_raw, unidentified, without_texts
from common.preprocessing import NO_GREYS, Greys, Preprocessing
from common.reasons import EMPTY, REASONS, TOO_LARGE, TRUNCATED, UNSUPPORTED_FORMAT

# A JPEG is reduced while decoding only down to this many times the requested size: the rest is
# left to the antialiased resize. On 573 scraped photographs that differs from full decoding by
# 0.26 levels of 255 in the mean, 0.98 in the worst photograph; a factor of 1 by 0.90 and 3.5.
OVERSIZE = 2

ORIENTATION = 0x0112  # EXIF tag; the values that rotate by a quarter turn or mirror:
TURNED, MIRRORED_X, MIRRORED_Y = (5, 6, 7, 8), (2, 3, 6, 7), (3, 4, 7, 8)


class ImageError(ValueError):
    """A file that gives no usable image.

    Attributes:
        reason: one of `reasons.REASONS`.
        detail: what exactly is wrong, for people.

    Raises:
        ValueError: another reason.
    """

    def __init__(self, reason: str, detail: str):
        """Refuses a reason outside REASONS, which would have no words and no answer."""
        if reason not in REASONS:
            raise ValueError(f"Expected reason to be one of {REASONS}. Received: reason={reason!r}")
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


@dataclasses.dataclass(frozen=True)
class Decoded:
    """A decoded image and the properties of its file.

    Attributes:
        image: RGB, upright, transparency composed on white.
        width: px of `image`.
        height: px of `image`.
        format: one of FORMATS.
        mode: Pillow's mode of the file, before the conversion to RGB.
        box: (left, upper, right, lower) in px of `image`: the part that holds content. All of it,
            except where a JPEG was reduced: 1023 px at an eighth are 127.875 px of 128.
    """

    image: Image.Image
    width: int
    height: int
    format: str
    mode: str
    box: tuple[float, float, float, float]


class Prepared(NamedTuple):
    """An image as the model takes it.

    Attributes:
        pixels: uint8 (height, width, 3), RGB, of the model's size.
        aspect: width / height of the whole image, upright: the shape of a heat map laid over it.
    """

    pixels: np.ndarray
    aspect: float


def prepare(data: bytes, preprocessing: Preprocessing) -> Prepared:
    """Decodes and resizes a file's bytes.

    Args:
        data: the file's bytes.
        preprocessing: of the model, or of the dataset that is made.

    Raises:
        ImageError: as `decode`.
    """
    image_size, how, max_pixels, greys = preprocessing
    decoded = decode(data, max_pixels, image_size, greys)
    pixels = np.asarray(resize(decoded.image, image_size, how, decoded.box))
    left, upper, right, lower = decoded.box
    return Prepared(pixels, (right - left) / (lower - upper))


def load_pixels(data: bytes, preprocessing: Preprocessing) -> Image.Image:
    """The pixels of `prepare` as an RGB image, ready to be encoded.

    Raises:
        ImageError: as `decode`.
    """
    return Image.fromarray(prepare(data, preprocessing).pixels)


def decode(
    data: bytes,
    max_pixels: int,
    image_size: tuple[int, int] | None = None,
    greys: Greys = NO_GREYS,
) -> Decoded:
    """Decodes a whole image; of an animation the first frame.

    Args:
        data: the file's bytes.
        max_pixels: limit on width x height, checked against the header before anything is decoded.
        image_size: (height, width) in px that it will be resized to, for a JPEG to be decoded at
            1/2, 1/4 or 1/8 of its size where that is OVERSIZE times as large; None: full size.
        greys: black and white of greys of more than 8 bits; of a kind that it lacks, each file is
            scaled by its own values.

    Raises:
        ImageError: for one of `reasons.DECODING`.
    """
    if not data:
        raise ImageError(EMPTY, "0 bytes")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # max_pixels is our limit
        try:
            image = Image.open(io.BytesIO(data), formats=FORMATS)
        except Image.DecompressionBombError as error:
            raise ImageError(TOO_LARGE, str(error)) from None
        except UnidentifiedImageError:
            raise ImageError(*unidentified(data)) from None
        except MemoryError:
            raise
        except Exception as error:  # a decoder may raise anything on damage
            if shorter := without_texts(data):
                return decode(shorter, max_pixels, image_size, greys)
            raise ImageError(TRUNCATED, f"header cannot be read: {error}") from None
        with image:
            file_format, mode = image.format or "", image.mode
            if file_format == "TIFF" and camera_raw(image.tag_v2, data):
                raise ImageError(UNSUPPORTED_FORMAT, "camera RAW, of which a thumbnail opens")
            if image.width * image.height > max_pixels:
                raise ImageError(
                    TOO_LARGE, f"{image.width}x{image.height} px, limit {max_pixels} px"
                )
            try:
                slack = _reduce(image, image_size) if image_size else (0.0,) * 4
                image.load()  # verify() finds neither a cut JPEG nor a missing end marker
                upright = to_rgb(image, greys)
            except MemoryError:
                raise
            except Exception as error:
                if shorter := without_texts(data):
                    return decode(shorter, max_pixels, image_size, greys)
                raise ImageError(TRUNCATED, f"{type(error).__name__}: {error}") from None
    if file_format == "MPO":  # several JPEGs in one file; we took the first
        file_format = "JPEG"
    left, upper, right, lower = slack
    box = (left, upper, upright.width - right, upright.height - lower)
    return Decoded(upright, upright.width, upright.height, file_format, mode, box)


def _reduce(image: Image.Image, image_size: tuple[int, int]) -> tuple[float, float, float, float]:
    """Has an opened JPEG decoded at a fraction of its size; does nothing to other formats.

    Returns:
        Width in px of the margins without content in the upright, reduced image: left, upper,
        right and lower, each below 1 px, because a fraction of a pixel is rounded up to a whole.
    """
    orientation = 1
    with contextlib.suppress(Exception):  # as in to_rgb
        orientation = image.getexif().get(ORIENTATION, 1)
    height, width = image_size
    wanted = (height, width) if orientation in TURNED else (width, height)
    # No mode: it could only turn colour to grey or leave YCbCr unconverted.
    drafted = image.draft(None, (OVERSIZE * wanted[0], OVERSIZE * wanted[1]))
    if drafted is None:
        return 0.0, 0.0, 0.0, 0.0
    x, y = image.width - drafted[1][2], image.height - drafted[1][3]
    if orientation in TURNED:
        x, y = y, x
    left, upper = x * (orientation in MIRRORED_X), y * (orientation in MIRRORED_Y)
    return left, upper, x - left, y - upper


def to_rgb(image: Image.Image, greys: Greys = NO_GREYS) -> Image.Image:
    """Any Pillow image as RGB: deep greys scaled to 8 bits, transparency on white, EXIF-rotated."""
    deep = to_8_bits(image, greys) if is_deep(image) else None
    # EXIF that cannot be parsed says nothing about the orientation; the pixels are whole.
    with contextlib.suppress(Exception):
        if deep is not None:
            deep.info["exif"] = image.getexif().tobytes()
            image = deep
        image = ImageOps.exif_transpose(image)
    image = deep if deep is not None and is_deep(image) else image
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, "white")
        image = Image.alpha_composite(white, rgba)
    return image.convert("RGB")


def resize(
    image: Image.Image,
    image_size: tuple[int, int],
    how: str,
    box: tuple[float, float, float, float] | None = None,
) -> Image.Image:
    """Resizes an RGB image with antialiasing (bicubic, support scaled with the reduction).

    Args:
        image: RGB.
        image_size: (height, width) in px.
        how: "stretch" to the size; "crop" the centre to its aspect first; "pad" with black.
        box: (left, upper, right, lower) in px, the part to use; None: all.
    """
    height, width = image_size
    left, upper, right, lower = box or (0, 0, image.width, image.height)
    inner, size = (right - left, lower - upper), (width, height)
    if how == "crop":
        aspect = width / height
        kept = (min(inner[0], inner[1] * aspect), min(inner[1], inner[0] / aspect))
        left, upper = left + (inner[0] - kept[0]) / 2, upper + (inner[1] - kept[1]) / 2
        right, lower = min(right, left + kept[0]), min(lower, upper + kept[1])
    elif how == "pad":
        scale = min(width / inner[0], height / inner[1])
        size = (max(1, round(inner[0] * scale)), max(1, round(inner[1] * scale)))
    elif how != "stretch":
        raise ValueError(f"Expected how to be one of stretch, crop, pad. Received: how={how!r}")
    resized = image.resize(size, Image.Resampling.BICUBIC, (left, upper, right, lower))
    if size == (width, height):
        return resized
    padded = Image.new("RGB", (width, height), "black")
    padded.paste(resized, (round((width - size[0]) / 2), round((height - size[1]) / 2)))
    return padded


def encode_png(image: Image.Image) -> bytes:
    """RGB pixels as PNG bytes: lossless, so that training and serving see equal pixels."""
    stream = io.BytesIO()
    image.save(stream, format="PNG", compress_level=3)
    return stream.getvalue()


def decode_png(data: bytes) -> np.ndarray:
    """uint8 (height, width, 3) of bytes that `encode_png` wrote."""
    with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
        return np.asarray(image.convert("RGB"))
