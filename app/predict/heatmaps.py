"""Images beside their heat maps as files, for `app.predict --heatmaps`."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from app.predict.inputs import Found, Tree
from app.predict.output_names import heat_name
from app.predict.writers import shown, writing
from common.files import atomic_file
from common.images import OVERSIZE, decode

if TYPE_CHECKING:
    from app.predictor import Prediction, Predictor

LARGEST, SMALLEST = 1024, 256  # px of an image's long side, reduced or enlarged to it
SEAM, MARGIN, LETTERS = 6, 6, 18  # px between the two, around the caption, of the caption
QUALITY = 90  # of the JPEG


def shared_folder(given: Iterable[str | Tree]) -> str:
    """The folder that all arguments stand in, absolute: heat maps mirror what is below it."""
    folders = [
        each.root if isinstance(each, Tree) else os.path.realpath(Path(each).parent)
        for each in given
    ]
    return os.path.commonpath(folders)


class HeatFiles:
    """A folder that gets one JPEG for each image."""

    def __init__(self, folder: Path, base: str, predictor: "Predictor"):
        """Takes where to write, and the folder whose tree is mirrored there."""
        self._folder, self._base, self._predictor = folder, base, predictor

    def take(self, item: Found, answer: "Prediction") -> None:
        """Writes the file of one answer; from any thread.

        Raises:
            StageError: it cannot be written.
            OSError, ImageError: the image cannot be read again.
        """
        drawn = draw(item.read(), answer, self._predictor)
        place = Path(item.place).relative_to(self._base).as_posix() if item.place else item.name
        path = self._folder / heat_name(place)
        with writing(path), atomic_file(path) as temporary:
            drawn.save(temporary, "JPEG", quality=QUALITY, subsampling=0)


def draw(data: bytes, answer: "Prediction", predictor: "Predictor") -> Image.Image:
    """The upright image, the same with its heat over it, and what the model says.

    Args:
        data: the file's bytes.
        answer: with its heat map.
        predictor: that made it.

    Returns:
        RGB: one beside the other, wide images one above the other.
    """
    from app.overlay import blend, whole_heat

    decoded = decode(data, predictor.max_pixels, (LARGEST // OVERSIZE, LARGEST // OVERSIZE))
    left, upper, right, lower = decoded.box
    extent = np.array([right - left, lower - upper])
    scale = np.clip(extent.max(), SMALLEST, LARGEST) / extent.max()
    width, height = (int(side) for side in np.maximum(1, np.rint(extent * scale)))
    image = decoded.image.resize((width, height), Image.Resampling.LANCZOS, decoded.box)
    heat = whole_heat(answer.heat_map, (height, width), predictor.image_size, predictor.resize)
    over = blend(image, heat)
    step = (0, height + SEAM) if width > height else (width + SEAM, 0)
    size = (max(width + step[0], SMALLEST), height + step[1])
    sheet = Image.new("RGB", (size[0], size[1] + LETTERS + 2 * MARGIN), "white")
    sheet.paste(image, (0, 0))
    sheet.paste(over, step)
    said = f"{answer.likeliest} {answer.confidence:.3f}"
    if answer.decision != answer.likeliest:
        said = f"{answer.decision or 'unsure'} (likeliest: {said})"
    # matplotlib's font has the letters of most languages; Pillow's own has only Latin ones.
    fonts = Path(mpl.get_data_path(), "fonts", "ttf")
    font = ImageFont.truetype(fonts / "DejaVuSans.ttf", LETTERS - 2)
    text = said = shown(said)
    while font.getlength(text) > sheet.width - 2 * MARGIN:
        said = said[:-1]
        text = f"{said}…"
    ImageDraw.Draw(sheet).text((MARGIN, size[1] + MARGIN), text, "black", font)
    return sheet
