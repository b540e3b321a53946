"""From a file's bytes to RGB pixels: the one decode-and-resize path of pipeline and serving.

Decoders differ (TensorFlow's and Pillow's JPEGs by up to 4 levels, their resizes by up to 98 at
edges), so every image, whether trained on, evaluated or served, comes through `load_pixels`.
There a JPEG much larger than the size wanted is decoded at a fraction of its size, which libjpeg
does inside the inverse transform: benchmarks/decode.py measures what that saves and changes.
"""

import contextlib
import dataclasses
import io
import struct
import warnings

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from common.reasons import EMPTY, NOT_AN_IMAGE, REASONS, TOO_LARGE, TRUNCATED, UNSUPPORTED_FORMAT

# By content, never by file name. An allow-list, because Pillow would start Ghostscript for an EPS
# named .jpg. "JPEG" and not "MPO": the latter raises KeyError on other files, and the former
# opens the first image of an MPO.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "PPM")

# How files of allowed formats begin: what starts so and does not open is a damaged image.
_ALLOWED_MAGIC = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"II*\0", b"MM\0*")
# How image files of other formats begin: offset and bytes.
_OTHER_MAGIC = (
    *((4, b"ftyp" + brand) for brand in (b"heic", b"heix", b"hevc", b"mif1", b"msf1", b"crx ")),
    (0, b"8BPS"),  # Photoshop
    (0, b"%!PS"),  # EPS
    (0, b"\xc5\xd0\xd3\xc6"),  # EPS with a preview
    (0, b"\0\0\1\0"),  # icon
    (0, b"\0\0\0\x0cjP  "),  # JPEG 2000
    (0, b"\xff\x0a"),  # JPEG XL
    (0, b"\0\0\0\x0cJXL "),  # JPEG XL in its container
    (0, b"v/1\1"),  # OpenEXR
    (0, b"DDS "),
)

# A JPEG is reduced while decoding only down to this many times the size wanted: the rest is left
# to the antialiased resize. On 573 scraped photographs that differs from full decoding by 0.26
# levels of 255 in the mean, 0.98 in the worst photograph; a factor of 1 by 0.90 and 3.5.
OVERSIZE = 2

ORIENTATION = 0x0112  # EXIF
TURNED, MIRRORED_X, MIRRORED_Y = (5, 6, 7, 8), (2, 3, 6, 7), (3, 4, 7, 8)  # values of it

# What Pillow's decoders raise on damaged files (measured), besides UnidentifiedImageError.
_DAMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    IndexError,
    KeyError,
    TypeError,
    ZeroDivisionError,
    OverflowError,
    struct.error,
)


class ImageError(ValueError):
    """A file that gives no usable image.

    Attributes:
        reason: one of `reasons.REASONS`.
        detail: what exactly is wrong, for people.

    Raises:
        ValueError: another reason.
    """

    def __init__(self, reason: str, detail: str):
        if reason not in REASONS:
            raise ValueError(f"Expected one of {tuple(REASONS)}. Received: {reason!r}")
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


@dataclasses.dataclass(frozen=True)
class Decoded:
    """An image and what its file said.

    Attributes:
        image: RGB, upright, transparency composed on white.
        width: px of `image`.
        height: px of `image`.
        format: one of FORMATS.
        mode: Pillow's mode of the file, before the conversion to RGB.
        box: (left, upper, right, lower) in px of `image`, what of it shows the image. All,
            except where a JPEG was reduced: 1023 px at an eighth are 127.875 px of 128.
    """

    image: Image.Image
    width: int
    height: int
    format: str
    mode: str
    box: tuple[float, float, float, float]


def decode(data: bytes, max_pixels: int, image_size: tuple[int, int] | None = None) -> Decoded:
    """Decodes a whole image; of an animation the first frame.

    Args:
        data: the file's bytes.
        max_pixels: limit on width x height, judged from the header before anything is decoded.
        image_size: (height, width) in px that it will be resized to, for a JPEG to be decoded at
            1/2, 1/4 or 1/8 of its size where that is OVERSIZE times as large; None: full size.

    Raises:
        ImageError: empty, not_an_image, unsupported_format, too_large or truncated.
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
            raise _unidentified(data) from None
        except _DAMAGE as error:
            raise ImageError(TRUNCATED, f"header cannot be read: {error}") from None
        with image:
            file_format, mode = image.format or "", image.mode
            if image.width * image.height > max_pixels:
                raise ImageError(
                    TOO_LARGE, f"{image.width}x{image.height} px, limit {max_pixels} px"
                )
            try:
                slack = _reduce(image, image_size) if image_size else (0.0,) * 4
                image.load()  # verify() finds neither a cut JPEG nor a missing end marker
                upright = to_rgb(image)
            except _DAMAGE as error:
                raise ImageError(TRUNCATED, f"{type(error).__name__}: {error}") from None
    if file_format == "MPO":  # several JPEGs in one file; we took the first
        file_format = "JPEG"
    left, upper, right, lower = slack
    box = (left, upper, upright.width - right, upright.height - lower)
    return Decoded(upright, upright.width, upright.height, file_format, mode, box)


def _reduce(image: Image.Image, image_size: tuple[int, int]) -> tuple[float, float, float, float]:
    """Has an opened JPEG decoded at a fraction of its size; does nothing to other formats.

    Returns:
        What of the upright, reduced image's margins shows nothing: left, upper, right and
        lower, each below 1 px, because a fraction of a pixel is rounded up to a whole one.
    """
    orientation = 1
    with contextlib.suppress(_DAMAGE):  # as in to_rgb
        orientation = image.getexif().get(ORIENTATION, 1)
    height, width = image_size
    wanted = (height, width) if orientation in TURNED else (width, height)
    # None for the mode: it would turn colour to grey or leave YCbCr unconverted, nothing else.
    drafted = image.draft(None, (OVERSIZE * wanted[0], OVERSIZE * wanted[1]))
    if drafted is None:
        return 0.0, 0.0, 0.0, 0.0
    x, y = image.width - drafted[1][2], image.height - drafted[1][3]
    if orientation in TURNED:
        x, y = y, x
    left, upper = x * (orientation in MIRRORED_X), y * (orientation in MIRRORED_Y)
    return left, upper, x - left, y - upper


def to_rgb(image: Image.Image) -> Image.Image:
    """Any Pillow image as RGB: 16 bits scaled to 8, transparency on white, EXIF-rotated."""
    # EXIF that cannot be parsed says nothing about the orientation; the pixels are whole.
    with contextlib.suppress(_DAMAGE):
        image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I") or image.mode == "F":
        # convert("RGB") would clip 16-bit grey to white; 257 maps 65535 to 255.
        values = np.asarray(image, dtype=np.float64)
        if image.mode == "F":  # no agreed range: stretch what is there
            low, high = float(np.nanmin(values)), float(np.nanmax(values))
            values = np.nan_to_num((values - low) / (high - low or 1.0)) * 255
        else:
            values = values / 257
        grey = np.clip(np.rint(values), 0, 255).astype(np.uint8)
        image = Image.fromarray(grey, mode="L")
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


def load_pixels(data: bytes, image_size: tuple[int, int], how: str, max_pixels: int) -> Image.Image:
    """A file's bytes as the image that the model sees: RGB, `image_size`, values 0 to 255.

    Raises:
        ImageError: as `decode`.
    """
    decoded = decode(data, max_pixels, image_size)
    return resize(decoded.image, image_size, how, decoded.box)


def encode_png(image: Image.Image) -> bytes:
    """RGB pixels as PNG bytes: lossless, so that training and serving see equal pixels."""
    stream = io.BytesIO()
    image.save(stream, format="PNG", compress_level=3)
    return stream.getvalue()


def decode_png(data: bytes) -> np.ndarray:
    """uint8 (height, width, 3) of bytes that `encode_png` wrote."""
    with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
        return np.asarray(image.convert("RGB"))


def _unidentified(data: bytes) -> ImageError:
    # RIFF holds sounds and films too, ftyp films: the name of what is inside tells.
    webp = data.startswith(b"RIFF") and data[8:12] in (b"WEBP", b"")
    avif = data[4:12] in (b"ftypavif", b"ftypavis")
    if data.startswith(_ALLOWED_MAGIC) or webp or avif:
        return ImageError(TRUNCATED, f"begins like a picture, but {len(data)} bytes do not open")
    for offset, magic in _OTHER_MAGIC:
        if data[offset : offset + len(magic)] == magic:
            name = data[offset : offset + 12]
            return ImageError(UNSUPPORTED_FORMAT, f"a picture of another format ({name!r})")
    return ImageError(NOT_AN_IMAGE, f"begins with {data[:16]!r}")
