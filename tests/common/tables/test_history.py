import pytest

from common.errors import StageError
from common.tables.history import HISTORY_FIRST_COLUMNS, read_history, write_history


def test_an_epoch_is_a_row_and_the_phase_stays_text(tmp_path):
    epoch = {"phase": "head", "f1": 0.5} | dict.fromkeys(HISTORY_FIRST_COLUMNS, 0.25)
    write_history(tmp_path / "h.csv", [epoch | {"epoch": 1}, epoch | {"epoch": 2}])
    history = read_history(tmp_path / "h.csv")
    assert list(history.columns) == [*HISTORY_FIRST_COLUMNS, "phase", "f1"]
    assert history["epoch"].tolist() == [1, 2]
    assert history["loss"].tolist() == [0.25, 0.25]
    assert history["phase"].tolist() == ["head", "head"]
    with pytest.raises(StageError, match=r"rows to be written .*\(val_accuracy missing\)"):
        write_history(tmp_path / "h.csv", [dict.fromkeys(HISTORY_FIRST_COLUMNS[:-1], 1)])
