"""Class names of any number, and a check of what plots make of them."""

from pathlib import Path

import numpy as np
from PIL import Image

NAMES = {
    n: [f"a class with a rather long name, number {i}" for i in range(n)] for n in (2, 30, 500)
}


def assert_fits_a_page(path: Path) -> None:
    """A PNG is neither tiny nor huge, and something is drawn in it."""
    with Image.open(path) as image:
        assert min(image.size) >= 150, path
        assert max(image.size) <= 4000, path
        assert np.asarray(image.convert("L")).std() > 5, path
