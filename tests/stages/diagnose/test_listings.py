import pandas as pd
import pytest

from common.errors import StageError
from stages.diagnose.listings import write_listing

ROWS = pd.DataFrame({"path": ["b", "a"], "confidence": [2 / 3, 0.5], "other": [1, 2]})


def test_a_listing_keeps_its_order_and_has_four_decimals(tmp_path):
    write_listing(tmp_path / "l.csv", ROWS, ["confidence", "path"])
    assert (tmp_path / "l.csv").read_text() == "confidence,path\n0.6667,b\n0.5000,a\n"
    with pytest.raises(StageError, match=r"\(label missing\)"):
        write_listing(tmp_path / "l.csv", ROWS, ["path", "label"])
