"""The plots as part of the page: found, scaled down and embedded, within a number of bytes."""

import base64
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
        size: px, width that it is embedded with.
        uri: the image itself.
    """

    path: str
    width: int
    height: int
    size: int = 0
    uri: str = ""

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


def find(folder: Path) -> list[Path]:
    """All images below a folder, sorted."""
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
    taken: dict[Path, int] = {}
    chosen, left_out = [], []
    for file in files:
        taken[file.parent] = taken.get(file.parent, 0) + 1
        (chosen if taken[file.parent] <= PER_FOLDER else left_out).append(file)
    names = {file: file.relative_to(folder).as_posix() for file in files}
    images = []
    found = cli.parallel_map(lambda file: encode(file, WIDTHS[0]), chosen)
    for file, (uri, size) in zip(chosen, cli.progress(found, "pictures", len(chosen)), strict=True):
        with Image.open(file) as image:
            images.append(EmbeddedImage(names[file], image.width, image.height, size, uri))
    while sum(len(image.uri) for image in images) > limit:
        # Those above an even share of the bytes; there is at least one.
        above = [p for p in images if len(p.uri) > limit / len(images)]
        above = [p for p in above if p.size > WIDTHS[-1]]
        if not above:
            left_out.append(folder / images.pop().path)
            continue
        smaller = cli.parallel_map(lambda p: encode(folder / p.path, next_width(p.size)), above)
        for image, (uri, size) in zip(above, smaller, strict=True):
            image.uri, image.size = uri, size
    return images, [file.relative_to(folder).as_posix() for file in left_out]
