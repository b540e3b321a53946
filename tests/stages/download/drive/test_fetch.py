"""Downloads against a stand-in of Google Drive: every way in which one can fail, and succeed."""

import hashlib
import io
import random
import socket
import subprocess
import sys
import tarfile
import time
import zipfile
from pathlib import Path

import pytest

from common.errors import StageError
from common.files import umask
from stages.download.drive.fetch import fetch_shared
from tests.helpers.drive_standin import QUOTA, WARNING, Answer, Drive, page
from tests.helpers.pipeline import ROOT

FILE = "1FileFileFileFileFileFileFileFile"
FOLDER = "1FolderFolderFolderFolderFolderFo"
SHORT = {"timeout": 5.0, "deadline": 30.0, "attempts": 2, "backoff": 0.01}


def make_zip(size: int = 50_000) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("cats/1.jpg", random.Random(0).randbytes(size))
    return stream.getvalue()


def make_tar(kind: str) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=f"w:{kind}") as archive:
        for name in ("cats/1.jpg", "cats/2.jpg"):
            info = tarfile.TarInfo(name)
            info.size = 30_000
            archive.addfile(info, io.BytesIO(random.Random(name).randbytes(info.size)))
    return stream.getvalue()


ZIP = make_zip()
BUSY = page("<html><title>Service unavailable</title></html>", 503)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    drive = Drive(tmp_path_factory.mktemp("certificates"))
    yield drive
    drive.stop()


@pytest.fixture
def drive(server, monkeypatch):
    for store in (server.files, server.folders, server.visits):
        store.clear()
    server.lead_here(monkeypatch)
    return server


def message(folder: Path, link: str = FILE, sha256: str | None = None, **settings) -> str:
    """The message of a download that has to fail, and to leave nothing."""
    before = sorted(folder.rglob("*")) if folder.exists() else None
    with pytest.raises(StageError) as caught:
        fetch_shared(link, folder, sha256, **(SHORT | settings))
    assert (sorted(folder.rglob("*")) if folder.exists() else None) == before
    return str(caught.value)


def test_malformed_id_is_refused_before_any_network_use(drive, tmp_path):
    assert "Expected a Google Drive file id" in message(tmp_path / "new", "pets")
    assert drive.visits == []


@pytest.mark.parametrize("sha256", ["abc", "g" * 64])
def test_malformed_sha256_is_refused_before_any_network_use(drive, tmp_path, sha256):
    assert "64 hex digits" in message(tmp_path, sha256=sha256)
    assert drive.visits == []


@pytest.mark.parametrize("folder_exists", [True, False])
def test_good_file(drive, tmp_path, monkeypatch, folder_exists):
    home, folder = tmp_path / "home", tmp_path / "raw"
    home.mkdir()
    if folder_exists:
        folder.mkdir()
    monkeypatch.setenv("HOME", str(home))
    drive.files[FILE] = [Answer(ZIP)]
    sha256 = hashlib.sha256(ZIP).hexdigest().upper()
    path = fetch_shared(FILE, folder, sha256, **SHORT)
    assert path == folder / "pets.zip"
    assert path.read_bytes() == ZIP
    assert list(folder.iterdir()) == [path]
    assert path.stat().st_mode & 0o777 == 0o666 & ~umask()
    assert list(home.iterdir()) == []  # no cookies


def test_good_file_behind_a_warning_page_by_share_link(drive, tmp_path):
    drive.files[FILE] = [Answer(ZIP, warn=True)]
    path = fetch_shared(f"https://drive.google.com/file/d/{FILE}/view", tmp_path, None, **SHORT)
    assert path.read_bytes() == ZIP
    assert "confirm=t" in drive.visits[-1]


@pytest.mark.parametrize("kind", ["", "gz", "xz"])
def test_good_tar_without_announced_size(drive, tmp_path, kind):
    content = make_tar(kind)
    drive.files[FILE] = [Answer(content, name="pets.tar", announce=False)]
    assert fetch_shared(FILE, tmp_path, None, **SHORT).read_bytes() == content


def test_file_without_a_name(drive, tmp_path):
    attachment = {"Content-Disposition": "attachment"}
    drive.files[FILE] = [Answer(ZIP, name=None, headers=attachment)]
    assert fetch_shared(FILE, tmp_path, None, **SHORT) == tmp_path / FILE


def test_earlier_file_is_replaced_on_success_and_kept_on_failure(drive, tmp_path):
    (tmp_path / "pets.zip").write_bytes(b"earlier")
    drive.files[FILE] = [Answer(ZIP[:-100])]
    message(tmp_path)
    assert (tmp_path / "pets.zip").read_bytes() == b"earlier"
    drive.files[FILE] = [Answer(ZIP)]
    assert fetch_shared(FILE, tmp_path, None, **SHORT).read_bytes() == ZIP


def test_wrong_id(drive, tmp_path):
    text = message(tmp_path)
    assert "does not exist" in text
    assert f"drive/folders/{FILE}" in text  # it may have been a folder's


@pytest.mark.parametrize("answer", [Answer(sign_in=True), page("<html>Denied</html>", 403)])
def test_private(drive, tmp_path, answer):
    drive.files[FILE] = [answer]
    assert '"Anyone with the link"' in message(tmp_path)


@pytest.mark.parametrize("status", [200, 403, 429])
def test_quota(drive, tmp_path, status):
    drive.files[FILE] = [page(QUOTA, status)]
    text = message(tmp_path)
    assert "quota" in text
    assert "Make a copy" in text


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_busy_for_a_moment(drive, tmp_path, status):
    # Two answers, because the first failure is looked into before the next attempt.
    drive.files[FILE] = [page("<html>busy</html>", status)] * 2 + [Answer(ZIP)]
    assert fetch_shared(FILE, tmp_path, None, **SHORT).read_bytes() == ZIP
    drive.files[FILE] = [page("<html>busy</html>", status), Answer(ZIP)]
    assert fetch_shared(FILE, tmp_path, None, **SHORT).read_bytes() == ZIP


def test_busy_for_ever(drive, tmp_path):
    drive.files[FILE] = [BUSY]
    text = message(tmp_path, attempts=3)
    assert "status 503" in text
    assert "Attempts: 3" in text


def test_server_sets_the_pace(drive, tmp_path):
    busy = page("<html>busy</html>", 429)
    busy.headers["Retry-After"] = "1"
    drive.files[FILE] = [busy, busy, Answer(ZIP)]
    start = time.monotonic()
    fetch_shared(FILE, tmp_path, None, **SHORT)
    assert time.monotonic() - start >= 1


def test_cut_without_announced_size(drive, tmp_path):
    drive.files[FILE] = [Answer(ZIP, announce=False, send=20_000)]
    assert "incomplete" in message(tmp_path)
    for kind in ("", "gz"):
        content = make_tar(kind)
        drive.files[FILE] = [Answer(content, announce=False, send=len(content) // 2)]
        assert "incomplete" in message(tmp_path)
    drive.files[FILE] = [Answer(ZIP, announce=False, send=20_000), Answer(ZIP, announce=False)]
    assert fetch_shared(FILE, tmp_path, None, **SHORT).read_bytes() == ZIP


def test_cut_with_announced_size(drive, tmp_path):
    drive.files[FILE] = [Answer(ZIP, send=20_000)]
    assert "incomplete" in message(tmp_path) or "cannot be reached" in message(tmp_path)


def test_cut_is_continued_where_it_stopped(drive, tmp_path):
    # More than one of gdown's pieces of 512 KiB, or nothing is kept from before the cut.
    content = make_zip(1_500_000)
    drive.files[FILE] = [
        Answer(content, send=1_200_000, etag='"1"'),
        Answer(content, etag='"1"'),
    ]
    assert fetch_shared(FILE, tmp_path, None, **SHORT).read_bytes() == content


def test_file_that_changes_between_two_parts_is_not_patched_together(drive, tmp_path):
    old, new = make_zip(1_500_000), make_zip(1_600_000)
    drive.files[FILE] = [
        Answer(old, send=1_200_000, etag='"1"'),
        Answer(new, etag='"2"'),
    ]
    assert fetch_shared(FILE, tmp_path, None, **SHORT).read_bytes() == new


@pytest.mark.parametrize(
    ("content", "received"),
    [
        (b"<!DOCTYPE html><html><body>Welcome</body></html>", "a web page"),
        (b"\xff\xd8\xff\xe0" + bytes(100), "begins with"),
        (b"", "an empty file"),
        (bytes(10_240), "begins with"),
    ],
)
def test_not_an_archive(drive, tmp_path, content, received):
    drive.files[FILE] = [Answer(content)]
    text = message(tmp_path)
    assert "is not an archive" in text
    assert received in text


def test_wrong_sha256(drive, tmp_path):
    drive.files[FILE] = [Answer(ZIP)]
    text = message(tmp_path, sha256="0" * 64)
    assert "0" * 64 in text
    assert hashlib.sha256(ZIP).hexdigest() in text


def test_missing_content_type(drive, tmp_path):
    drive.files[FILE] = [Answer(ZIP, content_type=None)]
    assert "was not understood" in message(tmp_path)


def test_confirmation_page_for_ever(drive, tmp_path):
    drive.files[FILE] = [page(WARNING.format(id=FILE))]
    text = message(tmp_path, timeout=1.0, attempts=1)
    assert "one confirmation page after the other" in text


def test_deadline(drive, tmp_path):
    drive.files[FILE] = [page(WARNING.format(id=FILE))]
    start = time.monotonic()
    assert "the deadline" in message(tmp_path, deadline=1.5)
    assert time.monotonic() - start < 10


def test_killed_stage_leaves_nothing(drive, tmp_path):
    drive.files[FILE] = [Answer(ZIP, hang=30)]
    code = (
        "import pathlib, sys; from stages.download.drive.fetch import fetch_shared; "
        "fetch_shared(sys.argv[1], pathlib.Path(sys.argv[2]), None)"
    )
    root = ROOT
    stage = subprocess.Popen([sys.executable, "-c", code, FILE, str(tmp_path)], cwd=root)
    _wait_until(lambda: drive.visits)
    assert list(tmp_path.iterdir())
    stage.kill()
    stage.wait()
    _wait_until(lambda: not list(tmp_path.iterdir()))


def _wait_until(condition) -> None:
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_silent_server(drive, tmp_path):
    drive.files[FILE] = [Answer(ZIP, hang=30)]
    text = message(tmp_path, timeout=0.5, attempts=1)
    assert "did not answer within 0.5 s" in text


def test_no_network(drive, tmp_path, monkeypatch):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        for name in ("HTTPS_PROXY", "https_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{closed.getsockname()[1]}")
        assert "HTTPS_PROXY" in message(tmp_path)


def test_untrusted_certificate(drive, tmp_path, monkeypatch):
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    assert "REQUESTS_CA_BUNDLE" in message(tmp_path)


def test_folder(drive, tmp_path):
    link = f"https://drive.google.com/drive/folders/{FOLDER}?usp=sharing"
    ids = [f"1{digit}" + "x" * 31 for digit in range(5)]
    drive.folders[FOLDER] = (
        "Pets & more",
        [
            ("folder", ids[4], "cats"),
            ("file", ids[0], "notes.html"),
            ("file", ids[1], "new.part"),
        ],
    )
    drive.folders[ids[4]] = ("cats", [("file", ids[2], "1.jpg"), ("file", ids[3], "1.jpg")])
    contents = [b"<html></html>", b"part", b"first", b"second"]
    for file_id, content in zip(ids, contents, strict=False):
        drive.files[file_id] = [Answer(content, name="x")]
    drive.files[ids[2]].insert(0, BUSY)
    (tmp_path / "Pets & more").mkdir()
    (tmp_path / "Pets & more" / "earlier.txt").touch()

    path = fetch_shared(link, tmp_path, None, **SHORT)

    assert path == tmp_path / "Pets & more"
    assert list(tmp_path.iterdir()) == [path]
    received = {
        str(file.relative_to(path)): file.read_bytes() for file in path.rglob("*") if file.is_file()
    }
    assert received == dict(
        zip(["notes.html", "new.part", "cats/1.jpg", "cats/1 (2).jpg"], contents, strict=True)
    )


def test_folder_is_whole_or_absent(drive, tmp_path):
    link = f"https://drive.google.com/drive/folders/{FOLDER}"
    good, bad = "1g" + "x" * 31, "1h" + "x" * 31
    drive.folders[FOLDER] = ("Pets", [("file", good, "a.jpg"), ("file", bad, "b.jpg")])
    drive.files[good] = [Answer(b"good")]
    assert "(b.jpg) does not exist" in message(tmp_path, link)
    drive.files[bad] = [Answer(b"<!doctype html><html>Welcome</html>")]
    assert "(b.jpg) is not what its name says" in message(tmp_path, link)
    assert "only one file has one" in message(tmp_path, link, "0" * 64)


def test_folder_that_cannot_be_read(drive, tmp_path):
    link = f"https://drive.google.com/drive/folders/{FOLDER}"
    assert f"folder {FOLDER} does not exist" in message(tmp_path, link)
    drive.folders[FOLDER] = None
    assert "is private" in message(tmp_path, link)
    drive.folders[FOLDER] = ("Pets", [])
    assert "is empty" in message(tmp_path, link)
