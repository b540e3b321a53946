import pytest

from stages.report.stage_times import read_log


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"stage": "nap"}', "3"])
def test_a_broken_log_is_none(tmp_path, content):
    assert read_log("nap", tmp_path) is None
    (tmp_path / "nap.json").write_text(content)
    assert read_log("nap", tmp_path) is None
