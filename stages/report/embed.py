"""Plots embedded in the page as data URIs, scaled down to fit into a number of bytes."""

import base64
import collections
import dataclasses
import io
from pathlib import Path

from PIL import Image

from common import cli

WIDTHS = (1600, 1100, 760, 520)  # px; an image that has to become smaller takes the next of these
LIMIT = 4_500_000  # bytes of all images of a page, as text
PER_FOLDER = 24  # images of a folder that are shown; a folder may hold one for each class
FEW_COLOURS = 4096  # a drawing, which is smallest and sharpest without loss
QUALITY = 80  # of WebP, for everything else
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")


@dataclasses.dataclass
class EmbeddedImage:
    """A plot of the page.

    Attributes:
        path: POSIX, relative to the folder of all plots.
        width, height: px, of the file.
        embedded_width: px, the width that it is embedded with.
        uri: the image itself, as a data URI.
    """

    path: str
    width: int
    height: int
    embedded_width: int
    uri: str

    @property
    def wide(self) -> bool:
        """Whether it is worth the page's whole width."""
        return self.width >= 1000


def encode(file: Path, width: int) -> tuple[str, int]:
    """An image as a data URI (WebP) of at most `width` px, and the width it came out with."""
    with Image.open(file) as image:
        image = image.convert("RGBA")
    image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    if image.width > width:
        height = max(1, round(image.height * width / image.width))
        image = image.resize((width, height), Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    if image.getcolors(FEW_COLOURS):
        image.save(stream, "WEBP", lossless=True, method=4)
    else:
        image.save(stream, "WEBP", quality=QUALITY, method=4)
    return f"data:image/webp;base64,{base64.b64encode(stream.getvalue()).decode()}", image.width


def next_width(width: int) -> int:
    """The first of WIDTHS that is below `width`."""
    return next(smaller for smaller in WIDTHS if smaller < width)


def find_plots(folder: Path) -> list[Path]:
    """All image files below a folder, sorted."""
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)


def embed(
    folder: Path, files: list[Path], limit: int = LIMIT
) -> tuple[list[EmbeddedImage], list[str]]:
    """Embeds images, the most important first, within a number of bytes.

    While they are too many bytes, those that take more than an even share become as wide as the
    next of WIDTHS; where these have the smallest already, the last image is left out. Only
    PER_FOLDER of a folder are looked at.

    Args:
        folder: of all plots.
        files: below it, in the order of importance.
        limit: bytes of all data URIs together.

    Returns:
        The images, in the same order, and the paths of those that were left out.
    """
    counts: collections.Counter[Path] = collections.Counter()
    chosen, left_out = [], []
    for file in files:
        counts[file.parent] += 1
        (chosen if counts[file.parent] <= PER_FOLDER else left_out).append(file)
    names = {file: file.relative_to(folder).as_posix() for file in files}
    images = []
    encoded = cli.parallel_map(lambda file: encode(file, WIDTHS[0]), chosen)
    bar = cli.progress(encoded, "embedding plots", len(chosen), unit="plot")
    for file, (uri, width) in zip(chosen, bar, strict=True):
        with Image.open(file) as image:
            images.append(EmbeddedImage(names[file], image.width, image.height, width, uri))
    while sum(len(image.uri) for image in images) > limit:
        # Those above an even share of the bytes; there is at least one.
        large = [image for image in images if len(image.uri) > limit / len(images)]
        large = [image for image in large if image.embedded_width > WIDTHS[-1]]
        if not large:
            left_out.append(folder / images.pop().path)
            continue
        smaller = cli.parallel_map(
            lambda image: encode(folder / image.path, next_width(image.embedded_width)), large
        )
        for image, (uri, width) in zip(large, smaller, strict=True):
            image.uri, image.embedded_width = uri, width
    return images, [names[file] for file in left_out]
