"""Photographs for the tests of near-duplicates."""

import pytest
from PIL import Image
from skimage import data as photographs
from sklearn.datasets import load_sample_images


@pytest.fixture(scope="module")
def photos() -> list[Image.Image]:
    """Eight photographs of different things, four of them cut from two larger ones."""
    china, flower = (Image.fromarray(array) for array in load_sample_images().images)
    return [
        china,
        flower,
        Image.fromarray(photographs.astronaut()),
        Image.fromarray(photographs.camera()).convert("RGB"),
        Image.fromarray(photographs.coins()).convert("RGB"),
        Image.fromarray(photographs.moon()).convert("RGB"),
        china.crop((0, 0, 320, 213)),
        china.crop((320, 213, 640, 426)),
    ]
