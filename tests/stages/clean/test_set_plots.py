import numpy as np
import pytest
from PIL import Image

from common.plots.style import colour_of
from stages.clean import set_plots
from tests.helpers.plots import NAMES, assert_fits_a_page


@pytest.mark.parametrize("n", NAMES)
def test_a_pie_of_any_number_of_classes_fits_a_page(tmp_path, n):
    set_plots.pie(tmp_path / "pie.png", "title", NAMES[n], list(range(1, n + 1)))
    assert_fits_a_page(tmp_path / "pie.png")


@pytest.mark.parametrize(
    "sizes", [[(100, 100)], [(100, 100), (3024, 3024)], [(24, 288), (288, 24), (60, 80)]]
)
def test_sizes_and_shapes_of_few_images_are_drawn(tmp_path, sizes):
    width, height = np.array(sizes).T
    set_plots.sizes(tmp_path / "sizes.png", "title", width, height)
    set_plots.aspects(tmp_path / "aspects.png", "title", width / height)
    for name in ("sizes", "aspects"):
        with Image.open(tmp_path / f"{name}.png") as image:
            assert np.asarray(image.convert("L")).std() > 5


def test_a_pie_has_no_slice_for_nothing(tmp_path):
    set_plots.pie(tmp_path / "pie.png", "title", ["a", "b"], [1, 0])
    with Image.open(tmp_path / "pie.png") as image:
        pixels = np.asarray(image.convert("RGB"))
    first = tuple(int(colour_of(0)[k : k + 2], 16) for k in (1, 3, 5))
    assert (pixels == first).all(axis=2).sum() > 10_000
