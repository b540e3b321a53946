from PIL import Image

from common.plots.grids import TILE
from common.preprocessing import Greys
from stages.clean.thumbnails import ABSENT, thumbnails
from tests.helpers.images import image_bytes


def test_thumbnails_are_squares_and_plain_where_nothing_decodes(tmp_path):
    (tmp_path / "wide.png").write_bytes(image_bytes(Image.new("RGB", (80, 40), "red")))
    (tmp_path / "none.png").write_bytes(b"")
    tiles = thumbnails(tmp_path, ["wide.png", "none.png", "wide.png"], 10_000, Greys())
    assert list(tiles) == ["none.png", "wide.png"]
    assert all(tile.shape == (TILE, TILE, 3) for tile in tiles.values())
    assert (tiles["none.png"] == ABSENT).all()
    assert tiles["wide.png"][TILE // 2, 5].tolist() == [255, 0, 0]
    assert tiles["wide.png"][5, 5].tolist() != [255, 0, 0]
