"""Heat maps over images, and in colours alone."""

import matplotlib as mpl
import numpy as np
from PIL import Image

COLOUR_MAP = "turbo"  # of matplotlib: dark blue through green to red


def overlay(pixels: np.ndarray, heat: np.ndarray, opacity: float) -> np.ndarray:
    """Lays a heat map over an image.

    Args:
        pixels: uint8 (height, width, 3).
        heat: float (h, w) in [0, 1], of any smaller size.
        opacity: of the heat where it is 1; where it is 0 the image shows as it is.

    Returns:
        uint8 (height, width, 3).
    """
    smooth = _smooth(heat, pixels.shape[:2])
    share = opacity * smooth[..., None] ** 0.5
    return np.rint((1 - share) * pixels + share * _colours(smooth)).astype(np.uint8)


def coloured(heat: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The heat map alone, in the colours of `overlay`: uint8 (height, width, 3)."""
    return np.rint(_colours(_smooth(heat, size))).astype(np.uint8)


def _smooth(heat: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    grey = Image.fromarray(np.rint(heat * 255).astype(np.uint8))
    return np.asarray(grey.resize(size[::-1], Image.Resampling.BICUBIC)) / 255.0


def _colours(smooth: np.ndarray) -> np.ndarray:
    """Colours as float (height, width, 3), 0 to 255."""
    return mpl.colormaps[COLOUR_MAP](np.rint(smooth * 255).astype(int))[..., :3] * 255
