import pytest

from common.tables.rejected import read_rejected, write_rejected


def test_reasons_are_a_closed_vocabulary(tmp_path):
    row = {"path": "b", "label": "x", "reason": "empty", "detail": "0 bytes", "kept_path": ""}
    write_rejected(tmp_path / "r.csv", [row, row | {"path": "a", "reason": "too_small"}])
    frame = read_rejected(tmp_path / "r.csv")
    assert list(frame.columns) == ["path", "label", "reason", "detail", "kept_path"]
    assert frame["path"].tolist() == ["a", "b"]
    with pytest.raises(ValueError, match="ugly"):
        write_rejected(tmp_path / "r.csv", [row | {"reason": "ugly"}])
