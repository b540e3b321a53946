import numpy as np
import pytest
from PIL import Image

from common.plots.grids import (
    ABSENT,
    CAPTION,
    COLUMNS,
    TILE,
    Strip,
    caption,
    contact_sheet,
    thumbnails,
)
from tests.helpers.images import image_bytes


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


def test_thumbnails_are_squares_and_plain_where_nothing_decodes(tmp_path):
    (tmp_path / "wide.png").write_bytes(image_bytes(Image.new("RGB", (80, 40), "red")))
    (tmp_path / "none.png").write_bytes(b"")
    tiles = thumbnails(tmp_path, ["wide.png", "none.png", "wide.png"], 10_000)
    assert list(tiles) == ["none.png", "wide.png"]
    assert all(tile.shape == (TILE, TILE, 3) for tile in tiles.values())
    assert (tiles["none.png"] == ABSENT).all()
    assert tiles["wide.png"][TILE // 2, 5].tolist() == [255, 0, 0]
    assert tiles["wide.png"][5, 5].tolist() != [255, 0, 0]


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
