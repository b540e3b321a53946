"""Heat maps as arrays: enlargement, and two baselines that do not use the model."""

import numpy as np
from PIL import Image

BLOB = 0.25  # standard deviation of the centre blob, in heights and widths of the image


def enlarge(heat: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A heat map at the size of its image, linear between the cells' centres.

    Args:
        heat: float (h, w).
        size: (height, width) in px.

    Returns:
        float32 (height, width), within the range of `heat`.
    """
    image = Image.fromarray(np.ascontiguousarray(heat, np.float32))  # mode F
    return np.asarray(image.resize(size[::-1], Image.Resampling.BILINEAR))


def random_map(rng: np.random.Generator, grid: tuple[int, int]) -> np.ndarray:
    """Baseline of random heat: float32 (h, w), uniform in [0, 1), each cell independent."""
    return rng.random(grid, dtype=np.float32)


def centre_blob(grid: tuple[int, int]) -> np.ndarray:
    """Baseline of heat in the centre of any image: a Gaussian, float32 (h, w), largest value 1."""
    y, x = ((np.arange(length) + 0.5) / length - 0.5 for length in grid)
    blob = np.exp(-(y[:, None] ** 2 + x[None] ** 2) / (2 * BLOB**2))
    return (blob / blob.max()).astype(np.float32)
