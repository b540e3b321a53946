import numpy as np
import pytest
from PIL import Image

from common.plots import bars, sets, style

NAMES = {
    n: [f"a class with a rather long name, number {i}" for i in range(n)] for n in (2, 30, 500)
}
PARTS = ("train", "val", "test")


@pytest.mark.parametrize("n", NAMES)
def test_plots_of_any_number_of_classes_fit_a_page(tmp_path, n):
    names = NAMES[n]
    parts = {part: list(range(1, n + 1)) for part in PARTS}
    bars.stacked_bars(tmp_path / "bars.png", "title", names, parts, "pictures")
    sets.count_table(tmp_path / "table.png", "title", names, parts)
    sets.pie(tmp_path / "pie.png", "title", names, parts["train"])
    for path in tmp_path.glob("*.png"):
        with Image.open(path) as image:
            assert min(image.size) >= 150, path
            assert max(image.size) <= 4000, path
            assert np.asarray(image.convert("L")).std() > 5, path


@pytest.mark.parametrize(
    "sizes", [[(100, 100)], [(100, 100), (3024, 3024)], [(24, 288), (288, 24), (60, 80)]]
)
def test_sizes_and_shapes_of_few_images_are_drawn(tmp_path, sizes):
    width, height = np.array(sizes).T
    sets.sizes(tmp_path / "sizes.png", "title", width, height)
    sets.aspects(tmp_path / "aspects.png", "title", width / height)
    for name in ("sizes", "aspects"):
        with Image.open(tmp_path / f"{name}.png") as image:
            assert np.asarray(image.convert("L")).std() > 5


def test_a_pie_has_no_slice_for_nothing(tmp_path):
    sets.pie(tmp_path / "pie.png", "title", ["a", "b"], [1, 0])
    with Image.open(tmp_path / "pie.png") as image:
        pixels = np.asarray(image.convert("RGB"))
    first = tuple(int(style.colour_of(0)[k : k + 2], 16) for k in (1, 3, 5))
    assert (pixels == first).all(axis=2).sum() > 10_000
