"""Heat map overlays: from the model's view to the whole image, as a blend or as a layer."""

import numpy as np
from PIL import Image

from common.heat import coloured, overlay


def whole_heat(
    heat: np.ndarray, size: tuple[int, int], image_size: tuple[int, int], how: str
) -> np.ndarray:
    """Maps a heat map of the model's view to the whole image.

    Args:
        heat: float (h, w) in [0, 1], of the model's view.
        size: (height, width) in px of the result, with the whole image's aspect.
        image_size: (height, width) in px of the model's view.
        how: as in `images.resize`: stretch shows the whole image; crop its centre, so that the
            rest has no heat; pad has margins, which are cut off.

    Returns:
        float32 (height, width) in [0, 1].
    """
    height, width = size
    scale_x, scale_y = image_size[1] / width, image_size[0] / height
    if how == "crop":
        scale_x = scale_y = max(scale_x, scale_y)
    elif how == "pad":
        scale_x = scale_y = min(scale_x, scale_y)
    # The rectangle of the whole image in px of the view, centred there as `resize` centres it.
    x, y = width * scale_x, height * scale_y
    box = (image_size[1] - x) / 2, (image_size[0] - y) / 2
    grey = Image.fromarray(np.ascontiguousarray(heat, np.float32))
    view = grey.resize(image_size[::-1], Image.Resampling.BICUBIC)
    whole = view.transform(
        (width, height),
        Image.Transform.EXTENT,
        (box[0], box[1], box[0] + x, box[1] + y),
        Image.Resampling.BILINEAR,
        fillcolor=0,
    )
    return np.clip(np.asarray(whole), 0, 1)


def blend(image: Image.Image, heat: np.ndarray, opacity: float = 0.6) -> Image.Image:
    """The image with its heat map over it.

    Args:
        image: RGB.
        heat: float (height, width) in [0, 1], of the image's size.
        opacity: of the heat map where the heat is 1.
    """
    return Image.fromarray(overlay(np.asarray(image), heat, opacity))


def layer(heat: np.ndarray) -> Image.Image:
    """The heat map alone, for a web page that lays it over the image itself.

    Args:
        heat: float (height, width) in [0, 1].

    Returns:
        RGBA in the colours of `blend`: transparent where the heat is 0, opaque where it is 1.
    """
    alpha = np.rint(255 * np.sqrt(heat)).astype(np.uint8)  # the curve of heat.overlay
    return Image.fromarray(np.dstack([coloured(heat, heat.shape), alpha]))
