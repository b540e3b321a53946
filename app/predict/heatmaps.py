"""Heat map files of `app.predict --heatmaps`: each image beside or above its heat map."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from app.predict.inputs import ImageInput, Tree
from app.predict.output_names import heat_name
from app.predict.writers import escaped, writing
from common.files import atomic_file
from common.images import OVERSIZE, decode

if TYPE_CHECKING:  # imports TensorFlow
    from app.predictor import Prediction, Predictor

LARGEST, SMALLEST = 1024, 256  # px: range to which an image's long side is resized
GAP, MARGIN, CAPTION = 6, 6, 18  # px: between the images, around the caption, height of its line
QUALITY = 90  # of the JPEG


def shared_folder(inputs: Iterable[str | Tree]) -> str:
    """The deepest folder, absolute, that contains all inputs; heat maps mirror its tree."""
    folders = [
        entry.root if isinstance(entry, Tree) else os.path.realpath(Path(entry).parent)
        for entry in inputs
    ]
    return os.path.commonpath(folders)


class HeatFiles:
    """A folder that gets one JPEG for each image."""

    def __init__(self, folder: Path, base: str, predictor: "Predictor"):
        """Takes the folder to write to.

        Args:
            folder: of the heat maps.
            base: from `shared_folder`: the folder whose tree is mirrored.
            predictor: that makes the predictions.
        """
        self._folder, self._base, self._predictor = folder, base, predictor

    def write(self, item: ImageInput, prediction: "Prediction") -> None:
        """Writes the file of one prediction; from any thread.

        Raises:
            StageError: the file cannot be written.
            OSError, ImageError: the image cannot be read again.
        """
        sheet = draw(item.read(), prediction, self._predictor)
        relative = item.name
        if item.location:
            relative = Path(item.location).relative_to(self._base).as_posix()
        path = self._folder / heat_name(relative)
        with writing(path), atomic_file(path) as temporary:
            sheet.save(temporary, "JPEG", quality=QUALITY, subsampling=0)


def draw(data: bytes, prediction: "Prediction", predictor: "Predictor") -> Image.Image:
    """The upright image, its heat map overlay, and the prediction as a caption.

    Args:
        data: the file's bytes.
        prediction: with its heat map.
        predictor: that made it.

    Returns:
        RGB: the two side by side, wide images one above the other, and the caption below.
    """
    from app.overlay import blend, whole_heat

    decoded = decode(
        data,
        predictor.preprocessing.max_pixels,
        (LARGEST // OVERSIZE, LARGEST // OVERSIZE),
        predictor.preprocessing.greys,
    )
    left, upper, right, lower = decoded.box
    extent = np.array([right - left, lower - upper])
    scale = np.clip(extent.max(), SMALLEST, LARGEST) / extent.max()
    width, height = (int(side) for side in np.maximum(1, np.rint(extent * scale)))
    image = decoded.image.resize((width, height), Image.Resampling.LANCZOS, decoded.box)
    heat = whole_heat(prediction.heat_map, (height, width), *predictor.preprocessing[:2])
    offset = (0, height + GAP) if width > height else (width + GAP, 0)
    size = (max(width + offset[0], SMALLEST), height + offset[1])
    sheet = Image.new("RGB", (size[0], size[1] + CAPTION + 2 * MARGIN), "white")
    sheet.paste(image, (0, 0))
    sheet.paste(blend(image, heat), offset)
    # matplotlib's font has the letters of most languages; Pillow's own has only Latin ones.
    fonts = Path(mpl.get_data_path(), "fonts", "ttf")
    font = ImageFont.truetype(fonts / "DejaVuSans.ttf", CAPTION - 2)
    text = shortened = caption(prediction)
    while font.getlength(text) > sheet.width - 2 * MARGIN:
        shortened = shortened[:-1]
        text = f"{shortened}…"
    ImageDraw.Draw(sheet).text((MARGIN, size[1] + MARGIN), text, "black", font)
    return sheet


def caption(prediction: "Prediction") -> str:
    """Decision and confidence: "cat 0.750", or "unsure (likeliest: cat 0.750)"."""
    text = f"{prediction.likeliest} {prediction.confidence:.3f}"
    if prediction.decision != prediction.likeliest:
        text = f"{prediction.decision or 'unsure'} (likeliest: {text})"
    return escaped(text)
