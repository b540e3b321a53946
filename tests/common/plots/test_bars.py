import pytest

from common.plots.bars import stacked_bars
from tests.helpers.plots import NAMES, assert_fits_a_page


@pytest.mark.parametrize("n", NAMES)
def test_bars_of_any_number_of_classes_fit_a_page(tmp_path, n):
    parts = {part: list(range(1, n + 1)) for part in ("train", "val", "test")}
    stacked_bars(tmp_path / "bars.png", "title", NAMES[n], parts, "pictures")
    assert_fits_a_page(tmp_path / "bars.png")
