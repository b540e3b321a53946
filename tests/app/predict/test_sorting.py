"""Copies in class folders: byte for byte, never over another file, whole or not there at all."""

import hashlib
import os
import resource
from pathlib import Path

import pytest

from app.predict.inputs import ImageInput, Tree, parse_inputs
from app.predict.sorting import Sorter, refuse_overlap
from app.predictor import Prediction
from common.errors import StageError

UMASK = 0o022


def answer(decision: str | None) -> Prediction:
    return Prediction({"cat": 0.5, "dog": 0.5}, "cat", decision, decision is None)


def image(tmp_path: Path, name: str, data: bytes) -> ImageInput:
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return ImageInput(name, str(path))


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_images_go_into_the_folders_of_their_decisions(tmp_path):
    sorter = Sorter(tmp_path / "out", ["cat", "dog"], [])
    sorter.write(image(tmp_path, "in/1.jpg", b"one"), answer("cat"))
    sorter.write(image(tmp_path, "in/2.jpg", b"two"), answer("dog"))
    sorter.write(image(tmp_path, "in/3.jpg", b"three"), answer(None))
    assert contents(tmp_path / "out") == {
        "cat/1.jpg": b"one",
        "dog/2.jpg": b"two",
        "unsure/3.jpg": b"three",
    }
    assert (tmp_path / "in/1.jpg").read_bytes() == b"one"  # copied, not moved
    assert (sorter.copied, sorter.present) == (3, 0)
    mask = os.umask(UMASK)
    os.umask(mask)
    assert (tmp_path / "out/cat/1.jpg").stat().st_mode & 0o777 == 0o666 & ~mask


def test_a_name_that_is_taken_gets_the_checksum_and_nothing_is_copied_twice(tmp_path):
    (tmp_path / "out/cat").mkdir(parents=True)
    (tmp_path / "out/cat/x.jpg").write_bytes(b"of somebody else")
    mark = hashlib.sha256(b"one").hexdigest()[:16]
    expected = {"cat/x.jpg": b"of somebody else", f"cat/x-{mark}.jpg": b"one"}
    for present in (0, 1):
        sorter = Sorter(tmp_path / "out", ["cat", "dog"], [])
        sorter.write(image(tmp_path, "in/x.jpg", b"one"), answer("cat"))
        assert contents(tmp_path / "out") == expected
        assert (sorter.copied, sorter.present) == (1 - present, present)
    two = hashlib.sha256(b"two").hexdigest()[:16]
    sorter.write(image(tmp_path, "in/b/x.jpg", b"two"), answer("cat"))
    assert contents(tmp_path / "out") == expected | {f"cat/x-{two}.jpg": b"two"}


def test_a_link_to_nowhere_is_a_name_that_is_taken(tmp_path):
    (tmp_path / "out/cat").mkdir(parents=True)
    (tmp_path / "out/cat/x.jpg").symlink_to(tmp_path / "elsewhere")
    Sorter(tmp_path / "out", ["cat"], []).write(image(tmp_path, "x.jpg", b"one"), answer("cat"))
    assert not (tmp_path / "elsewhere").exists()
    assert list(contents(tmp_path / "out").values()) == [b"one"]


def test_where_all_names_are_taken_by_others_nothing_is_written(tmp_path):
    checksum = hashlib.sha256(b"one").hexdigest()
    (tmp_path / "out/cat").mkdir(parents=True)
    for name in ("x.jpg", f"x-{checksum[:16]}.jpg", f"x-{checksum}.jpg"):
        (tmp_path / "out/cat" / name).write_bytes(b"other")
    before = contents(tmp_path / "out")
    sorter = Sorter(tmp_path / "out", ["cat"], [])
    with pytest.raises(StageError, match=r"Received: other bytes\. Move it away"):
        sorter.write(image(tmp_path, "x.jpg", b"one"), answer("cat"))
    assert contents(tmp_path / "out") == before


def test_a_class_called_unsure_keeps_its_name(tmp_path, capsys):
    sorter = Sorter(tmp_path / "out", ["unsure", "a/b"], [])
    sorter.write(image(tmp_path, "1.jpg", b"one"), answer("unsure"))
    sorter.write(image(tmp_path, "2.jpg", b"two"), answer(None))
    sorter.write(image(tmp_path, "3.jpg", b"three"), answer("a/b"))
    assert set(contents(tmp_path / "out")) == {"unsure/1.jpg", "unsure-2/2.jpg", "a_b/3.jpg"}
    message = capsys.readouterr().err
    assert "unsure images go into unsure-2" in message
    assert f"class 'a/b' go into {tmp_path / 'out' / 'a_b'}" in message


def test_a_full_disk_leaves_no_half_image(tmp_path):
    sorter = Sorter(tmp_path / "out", ["cat"], [])
    item = image(tmp_path, "x.jpg", bytes(100_000))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, limits[1]))  # the system stops the writing
    try:
        with pytest.raises(StageError, match=r"to write .*cat\. Received: File too large"):
            sorter.write(item, answer("cat"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list((tmp_path / "out/cat").iterdir()) == []


def test_a_folder_that_is_read_is_not_written_to(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("set/cat", "set/inner", "beside"):
        Path(name).mkdir(parents=True)
    Path("link").symlink_to("set")
    given = parse_inputs(["set"])
    assert isinstance(given[0], Tree)
    for inside in ("set", "set/inner/new", "link/new", "beside/../set"):
        with pytest.raises(StageError, match=rf"--sort-into .* Received: {inside} to write to"):
            refuse_overlap("--sort-into", Path(inside), given, around=False)
    refuse_overlap("--sort-into", Path("beside"), given)
    refuse_overlap("--sort-into", Path("set/.hidden"), given)  # which is not walked
    refuse_overlap("--sort-into", Path(), given, around=False)
    with pytest.raises(StageError):
        refuse_overlap("--heatmaps", Path(), given)


def test_a_class_folder_that_is_read_is_not_copied_into(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("set/cat/old", "set/unsure", "set/new"):
        Path(name).mkdir(parents=True)
    for folder in ("set/cat", "set/cat/old", "set/unsure"):
        with pytest.raises(StageError, match=f"and {folder} to read"):
            Sorter(Path("set"), ["cat", "dog"], parse_inputs([folder]))
    Sorter(Path("set"), ["cat", "dog"], parse_inputs(["set/new"]))


def test_beside_what_a_glob_means_there_may_be_copies(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Sorter(Path(), ["cat"], parse_inputs(["*.png"]))
    Sorter(Path("sorted"), ["cat"], parse_inputs(["*.png", "c*/*.png"]))
    for glob in ("*", "**/*.png", "[c]at/*.png"):
        with pytest.raises(StageError, match="cat to write to, and "):
            Sorter(Path(), ["cat"], parse_inputs([glob]))
    refuse_overlap("--heatmaps", Path("heat"), parse_inputs(["*.jpg"]))
    with pytest.raises(StageError, match=r"and \*\.jpg to read"):
        refuse_overlap("--heatmaps", Path(), parse_inputs(["*.jpg"]))
