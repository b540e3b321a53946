"""Encodings of the sample's images: as varied as on the web, always the same bytes."""

import io

import numpy as np
from PIL import ExifTags, Image

from stages.download.sample.photographs import pick


def encode_varied(rng: np.random.Generator, image: Image.Image) -> tuple[str, bytes]:
    """File suffix and bytes, as varied as on the web: mostly JPEG, some grey, some turned."""
    if rng.random() < 0.04:
        image = image.convert("L")
    if rng.random() < 0.12:
        return ".png", encode(image, "PNG")
    quality = int(rng.integers(70, 96))
    if rng.random() < 0.03:
        return ".jpg", encode_turned(image, quality)
    return pick(rng, (".jpg",) * 9 + (".jpeg",)), encode(image, "JPEG", quality=quality)


def encode(image: Image.Image, encoding: str, **options) -> bytes:
    """The bytes of an image in one of Pillow's formats, with its options."""
    stream = io.BytesIO()
    image.save(stream, encoding, **options)
    return stream.getvalue()


def encode_turned(image: Image.Image, quality: int) -> bytes:
    """A JPEG stored on its side, with the EXIF orientation that turns it upright."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    turned = image.transpose(Image.Transpose.ROTATE_90)
    return encode(turned, "JPEG", quality=quality, exif=exif)
