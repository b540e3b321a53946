import pytest

from common.tables.dataset import SPLITS
from stages.split.plots import count_table
from tests.helpers.plots import NAMES, assert_fits_a_page


@pytest.mark.parametrize("n", NAMES)
def test_a_table_of_any_number_of_classes_fits_a_page(tmp_path, n):
    parts = {part: list(range(1, n + 1)) for part in SPLITS}
    count_table(tmp_path / "table.png", "title", NAMES[n], parts)
    assert_fits_a_page(tmp_path / "table.png")
