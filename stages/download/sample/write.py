"""The built-in sample: a small, imbalanced, faulty image set, made on the spot from a seed.

It is semi-synthetic. The photographs are real; they ship inside scikit-learn and scikit-image,
so nothing is downloaded. The advertisements are composed: crops of those photographs with drawn
banners, prices, buttons and logos. The other class has crops of the same photographs, plain or
with captions, date stamps and watermarks, so neither the content nor the mere presence of text
decides. Results on it say that a pipeline works, not how well it would do on scraped images.
"""

import io
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageEnhance, ImageOps

from stages.download.sample.advertisements import advertisement
from stages.download.sample.canvas import WHITE, Canvas, Shoot
from stages.download.sample.photographs import Studio, other_image, pick

ADVERTISING, OTHER = 360, 60  # distinct images, before the planted faults


@dataclass(frozen=True)
class Planted:
    """A file put there on purpose.

    Attributes:
        path: POSIX, relative to the sample's folder.
        reason: why it should be rejected; "junk" for what is passed over without a word, "kept"
            for odd but good images.
        what: how it was made.
        original: path of the image it was made from, or None.
    """

    path: str
    reason: str
    what: str
    original: str | None = None


def write_sample(
    folder: Path, seed: int, progress: Callable[[Iterable], Iterable] = iter
) -> dict[str, object]:
    """Writes `folder/advertising` and `folder/other`; the same seed gives the same bytes.

    Args:
        folder: created if missing; nothing outside its two subfolders is written.
        seed: any non-negative integer.
        progress: wraps the sequence of images to draw, e.g. in a progress bar.

    Returns:
        advertising, other: number of files in each folder, the planted ones included.
        planted: number of files planted per reason, the odd but good ones left out.
        files: every planted file, as a tuple of `Planted`.
    """
    rng = np.random.default_rng(seed)
    studio = Studio(rng)
    shelf = _Shelf(folder)
    originals: dict[str, list[str]] = {"advertising": [], "other": []}
    for is_advertising in progress(rng.permutation(ADVERTISING + OTHER) < ADVERTISING):
        label = "advertising" if is_advertising else "other"
        image = (advertisement if is_advertising else other_image)(rng, studio.shoot)
        path = shelf.add(label, *encode(rng, image))
        if path.endswith(".jpg"):
            originals[label].append(path)
    # Copies come from images drawn at random and are numbered after them.
    for label, paths in originals.items():
        originals[label] = [paths[index] for index in rng.permutation(len(paths))]
    planted = [
        *_plant_copies(shelf, originals),
        *_plant_broken(shelf, rng, studio.shoot),
        *_plant_odd(shelf, rng, studio.shoot),
    ]
    reasons = Counter(file.reason for file in planted if file.reason != "kept")
    return {**shelf.counts, "planted": dict(sorted(reasons.items())), "files": tuple(planted)}


def encode(rng: np.random.Generator, image: Image.Image) -> tuple[str, bytes]:
    """File suffix and bytes, as varied as on the web: mostly JPEG, some grey, some turned."""
    if rng.random() < 0.04:
        image = image.convert("L")
    if rng.random() < 0.12:
        return ".png", _bytes(image, "PNG")
    quality = int(rng.integers(70, 96))
    if rng.random() < 0.03:
        return ".jpg", _bytes_turned(image, quality)
    return pick(rng, (".jpg",) * 9 + (".jpeg",)), _bytes(image, "JPEG", quality=quality)


class _Shelf:
    """Numbers the files of each folder and writes them."""

    def __init__(self, folder: Path):
        self._folder = Path(folder)
        self.counts = {"advertising": 0, "other": 0}

    def add(self, label: str, suffix: str, data: bytes, name: str | None = None) -> str:
        """Writes `data` under the folder's next number, or under `name`; returns its path."""
        self.counts[label] += 1
        path = f"{label}/{name or f'img_{self.counts[label]:04d}{suffix}'}"
        target = self._folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        return path

    def read(self, path: str) -> bytes:
        """The bytes of a file written before."""
        return (self._folder / path).read_bytes()

    def open(self, path: str) -> Image.Image:
        """An image written before, upright, RGB."""
        return ImageOps.exif_transpose(Image.open(io.BytesIO(self.read(path)))).convert("RGB")


def _plant_copies(shelf: _Shelf, originals: dict[str, list[str]]) -> Iterator[Planted]:
    """Exact copies, near copies and images under both labels, each of another original."""
    for label, number in (("advertising", 5), ("other", 1)):
        for _ in range(number):
            original = originals[label].pop()
            path = shelf.add(label, ".jpg", shelf.read(original))
            yield Planted(path, "exact_duplicate", "the same bytes", original)
    for label, whats in (("advertising", NEAR_COPIES), ("other", ("half size", "mirrored"))):
        for what in whats:
            original = originals[label].pop()
            copy = NEAR_COPIES[what](shelf.open(original))
            path = shelf.add(label, ".jpg", _bytes(copy, "JPEG", quality=50))
            yield Planted(path, "near_duplicate", what, original)
    for label, opposite in (("advertising", "other"), ("other", "advertising")):
        original = originals[label].pop()
        path = shelf.add(opposite, ".jpg", shelf.read(original))
        yield Planted(original, "label_conflict", "also under the other label", path)
        yield Planted(path, "label_conflict", "also under the other label", original)


def _plant_broken(shelf: _Shelf, rng: np.random.Generator, shoot: Shoot) -> Iterator[Planted]:
    """Files that are no images, no longer images, or images of nothing."""
    for label, draw in (("advertising", advertisement), ("other", other_image)):
        data = _bytes(draw(rng, shoot), "JPEG", quality=85)
        path = shelf.add(label, ".jpg", data[: len(data) * 3 // 5])
        yield Planted(path, "truncated", "cut short")
    page = b"<!DOCTYPE html>\n<html><body><h1>404 Not Found</h1></body></html>\n"
    mark = b"\x00\x00\x00\x01Bud1\x00\x00\x10\x00" + bytes(500)
    tiny = _bytes(shoot(8, 8), "JPEG")
    blank = _bytes(Image.new("RGB", (300, 250), (236, 236, 236)), "PNG")
    for label, suffix, data, name, reason, what in (
        ("advertising", ".jpg", b"", None, "empty", "no bytes"),
        ("advertising", ".jpg", page, None, "not_an_image", "an HTML page"),
        ("other", ".txt", b"Pictures collected by hand, sorted twice.\n", "notes.txt",
         "not_an_image", "a text file"),
        ("advertising", "", mark, ".DS_Store", "junk", "a file manager's leftover"),
        ("advertising", ".jpg", tiny, None, "too_small", "8 x 8 pixels"),
        ("advertising", ".png", blank, None, "no_content", "one colour"),
    ):  # fmt: skip
        yield Planted(shelf.add(label, suffix, data, name), reason, what)


def _plant_odd(shelf: _Shelf, rng: np.random.Generator, shoot: Shoot) -> Iterator[Planted]:
    """Good images in encodings that trip careless readers."""
    for label, what, suffix, save in (
        ("advertising", "CMYK JPEG", ".jpg", lambda p: _bytes(p.convert("CMYK"), "JPEG")),
        ("advertising", "PNG named .jpg", ".jpg", lambda p: _bytes(p, "PNG")),
        ("advertising", "WebP", ".webp", lambda p: _bytes(p, "WEBP", quality=80)),
        ("advertising", "GIF", ".gif", lambda p: _bytes(p.quantize(128), "GIF")),
        ("advertising", "turned by EXIF", ".jpg", lambda p: _bytes_turned(p, 85)),
        ("other", "grey JPEG", ".jpg", lambda p: _bytes(p.convert("L"), "JPEG")),
        ("other", "16-bit grey PNG", ".png", lambda p: _bytes(_deep_grey(p), "PNG")),
        ("other", "RGBA cut-out PNG", ".png", lambda p: _bytes(_cut_out(p), "PNG")),
    ):
        image = (advertisement if label == "advertising" else other_image)(rng, shoot)
        yield Planted(shelf.add(label, suffix, save(image)), "kept", what)


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


def _bytes(image: Image.Image, encoding: str, **options) -> bytes:
    """The encoded image."""
    stream = io.BytesIO()
    image.save(stream, encoding, **options)
    return stream.getvalue()


def _bytes_turned(image: Image.Image, quality: int) -> bytes:
    """A JPEG stored on its side, with the EXIF orientation that turns it upright."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    turned = image.transpose(Image.Transpose.ROTATE_90)
    return _bytes(turned, "JPEG", quality=quality, exif=exif)
