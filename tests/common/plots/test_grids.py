import numpy as np
import pytest
from PIL import Image

from common.plots.grids import (
    CAPTION,
    COLUMNS,
    TILE,
    Strip,
    caption,
    contact_sheet,
)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("cat/1.jpg", "cat/1.jpg"),
        ("scraped/long/folder/names/1.jpg", "scraped/long/folder/\nnames/1.jpg"),
        ("x" * 60 + "-the-end.jpg", "…" + "x" * 24 + "\n" + "x" * 13 + "-the-end.jpg"),
    ],
)
def test_captions_keep_the_end_of_a_path(path, expected):
    assert caption(path, "kept") == "kept\n" + expected
    assert all(len(line) <= CAPTION for line in caption(path).splitlines())


def squares(sheet, colour):
    """How many tiles' worth of pixels have just this colour."""
    with Image.open(sheet) as image:
        pixels = np.asarray(image.convert("RGB"))
    return (pixels == colour).all(axis=2).sum() / TILE**2


def test_every_image_of_a_sheet_is_drawn_whole_and_unscaled(tmp_path):
    colours = {"red": (200, 10, 10), "blue": (10, 10, 200), "green": (10, 150, 10)}
    tiles = {name: np.full((TILE, TILE, 3), colour, np.uint8) for name, colour in colours.items()}
    many = COLUMNS + 3  # does not fit one row
    strips = [
        Strip("one", ["red"], ["a\nb"]),
        Strip("many", ["blue"] * many, [""] * many),
        Strip("two", ["green", "red"], ["c", "d"]),
    ]
    contact_sheet(tmp_path / "a.png", "title", strips, tiles)
    assert squares(tmp_path / "a.png", colours["red"]) == 2
    assert squares(tmp_path / "a.png", colours["blue"]) == many
    assert squares(tmp_path / "a.png", colours["green"]) == 1
    contact_sheet(tmp_path / "b.png", "title", strips, tiles)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_a_sheet_of_nothing_says_so(tmp_path):
    contact_sheet(tmp_path / "a.png", "0 of 0", [], {})
    with Image.open(tmp_path / "a.png") as image:
        assert np.asarray(image.convert("L")).std() > 5
