"""Planted files of the sample: copies, broken files and odd encodings, each with what to expect."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

from common.reasons import (
    EMPTY,
    EXACT_DUPLICATE,
    LABEL_CONFLICT,
    NEAR_DUPLICATE,
    NO_CONTENT,
    NOT_AN_IMAGE,
    TOO_SMALL,
    TRUNCATED,
)
from stages.download.sample.advertisements import advertisement
from stages.download.sample.canvas import WHITE, Canvas, Shoot
from stages.download.sample.encoding import encode, encode_turned
from stages.download.sample.numbered_files import NumberedFiles
from stages.download.sample.other_images import other_image

JUNK, KEPT = "junk", "kept"  # fates of planted files that are no reasons for rejection


@dataclass(frozen=True)
class Planted:
    """A file that was planted.

    Attributes:
        path: POSIX, relative to the sample's folder.
        reason: one of `reasons.REASONS`, for which it should be rejected; JUNK for what is passed
            over without a word, KEPT for odd but good images.
        how: how it was made.
        original: path of the image it was made from, or None.
    """

    path: str
    reason: str
    how: str
    original: str | None = None


def plant_copies(files: NumberedFiles, originals: dict[str, list[str]]) -> Iterator[Planted]:
    """Exact copies, near copies and images under both labels, each of another original."""
    for label, number in (("advertising", 5), ("other", 1)):
        for _ in range(number):
            original = originals[label].pop()
            path = files.add(label, ".jpg", files.read(original))
            yield Planted(path, EXACT_DUPLICATE, "the same bytes", original)
    for label, changes in (("advertising", NEAR_COPIES), ("other", ("half size", "mirrored"))):
        for change in changes:
            original = originals[label].pop()
            copy = NEAR_COPIES[change](files.open(original))
            path = files.add(label, ".jpg", encode(copy, "JPEG", quality=50))
            yield Planted(path, NEAR_DUPLICATE, change, original)
    for label, opposite in (("advertising", "other"), ("other", "advertising")):
        original = originals[label].pop()
        path = files.add(opposite, ".jpg", files.read(original))
        yield Planted(original, LABEL_CONFLICT, "also under the other label", path)
        yield Planted(path, LABEL_CONFLICT, "also under the other label", original)


def plant_broken(files: NumberedFiles, rng: np.random.Generator, shoot: Shoot) -> Iterator[Planted]:
    """Files that are no images, no longer images, or images of nothing."""
    for label, draw in (("advertising", advertisement), ("other", other_image)):
        data = encode(draw(rng, shoot), "JPEG", quality=85)
        path = files.add(label, ".jpg", data[: len(data) * 3 // 5])
        yield Planted(path, TRUNCATED, "cut short")
    web_page = b"<!DOCTYPE html>\n<html><body><h1>404 Not Found</h1></body></html>\n"
    folder_view = b"\x00\x00\x00\x01Bud1\x00\x00\x10\x00" + bytes(500)
    tiny = encode(shoot(8, 8), "JPEG")
    blank = encode(Image.new("RGB", (300, 250), (236, 236, 236)), "PNG")
    for label, suffix, data, name, reason, how in (
        ("advertising", ".jpg", b"", None, EMPTY, "no bytes"),
        ("advertising", ".jpg", web_page, None, NOT_AN_IMAGE, "an HTML page"),
        ("other", ".txt", b"Pictures collected by hand, sorted twice.\n", "notes.txt",
         NOT_AN_IMAGE, "a text file"),
        ("advertising", "", folder_view, ".DS_Store", JUNK, "a file manager's leftover"),
        ("advertising", ".jpg", tiny, None, TOO_SMALL, "8 x 8 pixels"),
        ("advertising", ".png", blank, None, NO_CONTENT, "one colour"),
    ):  # fmt: skip
        yield Planted(files.add(label, suffix, data, name), reason, how)


def plant_odd(files: NumberedFiles, rng: np.random.Generator, shoot: Shoot) -> Iterator[Planted]:
    """Good images in encodings that trip careless readers."""
    for label, how, suffix, save in (
        ("advertising", "CMYK JPEG", ".jpg", lambda image: encode(image.convert("CMYK"), "JPEG")),
        ("advertising", "PNG named .jpg", ".jpg", lambda image: encode(image, "PNG")),
        ("advertising", "WebP", ".webp", lambda image: encode(image, "WEBP", quality=80)),
        ("advertising", "GIF", ".gif", lambda image: encode(image.quantize(128), "GIF")),
        ("advertising", "turned by EXIF", ".jpg", lambda image: encode_turned(image, 85)),
        ("other", "grey JPEG", ".jpg", lambda image: encode(image.convert("L"), "JPEG")),
        ("other", "16-bit grey PNG", ".png", lambda image: encode(_deep_grey(image), "PNG")),
        ("other", "RGBA cut-out PNG", ".png", lambda image: encode(_cut_out(image), "PNG")),
    ):
        image = (advertisement if label == "advertising" else other_image)(rng, shoot)
        yield Planted(files.add(label, suffix, save(image)), KEPT, how)


def _crop_border(image: Image.Image) -> Image.Image:
    width, height = image.size
    return image.crop((width // 50, height // 50, width - width // 50, height - height // 50))


def _stamped(image: Image.Image) -> Image.Image:
    canvas = Canvas(image)
    canvas.write((0.7, 0.92, 0.98, 0.98), "copy", WHITE, align="right", shadow=True)
    return canvas.image


NEAR_COPIES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "encoded again": lambda image: image,
    "half size": lambda image: image.reduce(2),
    "slightly cropped": _crop_border,
    "mirrored": ImageOps.mirror,
    "stamped": _stamped,
    "brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.2),
}


def _deep_grey(image: Image.Image) -> Image.Image:
    """16-bit grey, white at 65535."""
    return Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257)


def _cut_out(image: Image.Image) -> Image.Image:
    """An ellipse of the image; what lies outside is transparent but still stored."""
    canvas = Canvas.plain(image.size, (0, 0, 0))
    canvas.fill((0.03, 0.03, 0.97, 0.97), WHITE, 0.5)
    image = image.copy()
    image.putalpha(canvas.image.convert("L"))
    return image
