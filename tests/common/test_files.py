import math
import os

import pytest

from common.files import atomic_file, atomic_folder, read_json, sha256_of, write_json


def test_a_file_appears_whole_or_not_at_all(tmp_path):
    target = tmp_path / "a" / "table.csv"
    with atomic_file(target) as temporary:
        temporary.write_text("one")
        assert temporary.suffix == ".csv"
        assert not target.exists()
    assert target.read_text() == "one"
    with pytest.raises(ZeroDivisionError), atomic_file(target) as temporary:
        temporary.write_text("half")
        raise ZeroDivisionError
    assert target.read_text() == "one"
    assert os.listdir(tmp_path / "a") == ["table.csv"]


def test_files_are_readable_by_others_as_far_as_the_umask_says(tmp_path):
    old = os.umask(0o022)
    try:
        with atomic_file(tmp_path / "x.json") as temporary:
            temporary.write_text("{}")
        with atomic_folder(tmp_path / "folder"):
            pass
    finally:
        os.umask(old)
    assert (tmp_path / "x.json").stat().st_mode & 0o777 == 0o644
    assert (tmp_path / "folder").stat().st_mode & 0o777 == 0o755


def test_a_folder_is_replaced_as_a_whole(tmp_path):
    target = tmp_path / "folder"
    with atomic_folder(target) as temporary:
        (temporary / "old").touch()
    with pytest.raises(ZeroDivisionError), atomic_folder(target) as temporary:
        (temporary / "half").touch()
        raise ZeroDivisionError
    assert os.listdir(target) == ["old"]
    with atomic_folder(target) as temporary:
        (temporary / "new").touch()
    assert os.listdir(target) == ["new"]
    assert os.listdir(tmp_path) == ["folder"]


def test_json_is_sorted_and_finite(tmp_path):
    path = tmp_path / "m.json"
    write_json(path, {"b": {"y": None, "x": 0.5}, "a": 1})
    assert path.read_text().index('"a"') < path.read_text().index('"b"')
    assert read_json(path) == {"a": 1, "b": {"x": 0.5, "y": None}}
    with pytest.raises(ValueError, match=r"finite number or None for b\.x"):
        write_json(path, {"b": {"x": math.nan}})
    assert read_json(path)["a"] == 1


def test_sha256(tmp_path):
    (tmp_path / "f").write_bytes(b"abc")
    assert sha256_of(tmp_path / "f") == (
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    )
