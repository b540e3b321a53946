import os
import shutil
import socket
import subprocess
import sys

import pytest

from common.errors import StageError
from stages.download.walk import walk
from tests.helpers.pipeline import ROOT


def fill(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())


def test_files_and_junk(tmp_path):
    fill(tmp_path, "b/2.jpg", "b/1.jpg", "a.txt", ".git/x/1.jpg", "b/.DS_Store")
    assert walk(tmp_path)._asdict() == {
        "files": ["a.txt", "b/1.jpg", "b/2.jpg"],
        "junk": 2,
        "repeated": [],
        "dangling": [],
        "special": [],
        "empty": [],
    }


def test_a_real_name_goes_before_its_alias(tmp_path):
    fill(tmp_path, "wolf/1.jpg", "dog/2.jpg")
    (tmp_path / "canis_lupus").symlink_to("wolf")
    (tmp_path / "dog/best.jpg").symlink_to("2.jpg")
    found = walk(tmp_path)
    assert found.files == ["dog/2.jpg", "wolf/1.jpg"]
    assert found.repeated == ["canis_lupus", "dog/best.jpg"]


def test_links_to_elsewhere_are_followed_once(tmp_path):
    fill(tmp_path, "elsewhere/1.jpg", "elsewhere/deep/2.jpg", "one.jpg", "set/dog/3.jpg")
    (tmp_path / "set/cat").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "set/again").symlink_to(tmp_path / "elsewhere/deep")
    (tmp_path / "set/dog/4.jpg").symlink_to(tmp_path / "one.jpg")
    (tmp_path / "elsewhere/loop").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "set/up").symlink_to(tmp_path)
    found = walk(tmp_path / "set")
    assert found.files == ["again/2.jpg", "cat/1.jpg", "dog/3.jpg", "dog/4.jpg"]
    assert found.repeated == ["cat/deep", "cat/loop", "up"]


def test_what_is_no_file(tmp_path):
    fill(tmp_path, "cat/1.jpg")
    (tmp_path / "cat/gone.jpg").symlink_to("nothing.jpg")
    (tmp_path / "cat/self.jpg").symlink_to("self.jpg")
    os.mkfifo(tmp_path / "cat/pipe.jpg")
    (tmp_path / "cat/null.jpg").symlink_to("/dev/null")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(tmp_path / "cat/socket"))
        found = walk(tmp_path)
    assert found.files == ["cat/1.jpg"]
    assert found.dangling == ["cat/gone.jpg", "cat/self.jpg"]
    assert found.special == ["cat/null.jpg", "cat/pipe.jpg", "cat/socket"]


def test_empty_class_folders(tmp_path):
    fill(tmp_path, "train/cat/1.jpg", "train/dog/2.jpg", "test/dog/3.jpg", "owl/.DS_Store")
    for name in ("train/owl", "test/cat", "notes", ".git/refs"):
        (tmp_path / name).mkdir(parents=True)
    assert walk(tmp_path).empty == ["train/owl"]
    fill(tmp_path, "flat/1.jpg")
    assert walk(tmp_path).empty == ["notes", "owl", "train/owl"]


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="setpriv is not installed")
def test_a_folder_that_cannot_be_read_is_named(tmp_path):
    fill(tmp_path, "cat/1.jpg", "dog/2.jpg")
    (tmp_path / "dog").chmod(0)
    code = "import sys; from pathlib import Path; from stages.download.walk import walk; "
    code += "walk(Path(sys.argv[1]))"
    command = [sys.executable, "-c", code, str(tmp_path)]
    if os.geteuid() == 0:  # root reads everything unless it gives this right away
        kept = "--bounding-set=-dac_override,-dac_read_search"
        command = ["setpriv", kept, "--inh-caps=-all", *command]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    (tmp_path / "dog").chmod(0o755)
    assert "StageError" in done.stderr
    assert "Received for dog: Permission denied" in done.stderr


def test_a_folder_that_cannot_be_opened_is_named(tmp_path):
    with pytest.raises(StageError, match="No such file"):
        walk(tmp_path / "gone")
