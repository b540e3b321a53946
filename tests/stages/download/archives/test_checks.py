"""Checks of an archive: names that leave or collide, and contents beyond the limits."""

import tarfile
import zipfile

import pytest

from common.errors import StageError
from stages.download.archives.checks import require_unique, tells_case_apart
from tests.helpers.archive_files import (
    PETS,
    WRITERS,
    contents,
    refusal,
    unpack_to_out,
    write,
    write_zip,
)


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize(
    ("name", "trouble"),
    [
        ("../up.jpg", "climbs"),
        ("a/../../up.jpg", "climbs"),
        ("/etc/up.jpg", "absolute"),
        ("C:/up.jpg", "drive letter"),
        ("c:up.jpg", "drive letter"),
        ("a\\..\\up.jpg", "backslash"),
    ],
)
def test_names_that_leave_the_folder(tmp_path, kind, name, trouble):
    text = refusal(WRITERS[kind](tmp_path / "pets", PETS | {name: b"x"}))
    assert trouble in text
    assert repr(name) in text


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize(
    ("first", "second", "trouble"),
    [
        ("a/1.jpg", "a//./1.jpg", "twice"),
        ("a", "a/1.jpg", "both as a file and as a folder"),
        ("a/1.jpg", "a", "both as a file and as a folder"),
    ],
)
def test_names_that_collide(tmp_path, kind, first, second, trouble):
    text = refusal(WRITERS[kind](tmp_path / "pets", {first: b"1", second: b"2"}))
    assert trouble in text


LIKE_ONE_ANOTHER = [
    ("a/1.jpg", "a/1.JPG"),
    ("Cats/1.jpg", "cats/2.jpg"),
    ("caf\u00e9.jpg", "cafe\u0301.jpg"),
]


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize(("first", "second"), LIKE_ONE_ANOTHER)
def test_names_that_differ_by_case_are_two_where_the_file_system_says_so(
    tmp_path, kind, first, second
):
    path = WRITERS[kind](tmp_path / "pets", {first: b"1", second: b"2"})
    (tmp_path / "probe").mkdir()
    if tells_case_apart(tmp_path / "probe"):
        unpack_to_out(path)
        assert contents(tmp_path / "out") == {first: b"1", second: b"2"}
    else:
        assert "one name on this file system" in refusal(path)
    assert list((tmp_path / "probe").iterdir()) == []


@pytest.mark.parametrize(("first", "second"), LIKE_ONE_ANOTHER)
def test_names_that_differ_by_case_are_one_elsewhere(first, second):
    taken = {}
    require_unique(first, "file", taken, "pets.zip", exact=False)
    with pytest.raises(StageError, match="one name on this file system"):
        require_unique(second, "file", taken, "pets.zip", exact=False)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_duplicate_names(tmp_path):
    zip_path, tar_path = tmp_path / "pets.zip", tmp_path / "pets.tar"
    with zipfile.ZipFile(zip_path, "w") as zip_file, tarfile.open(tar_path, "w") as tar_file:
        for _ in range(2):
            zip_file.writestr("a.jpg", b"x")
            tar_file.addfile(tarfile.TarInfo("a.jpg"))
    assert "holds 'a.jpg' twice" in refusal(zip_path)
    assert "holds 'a.jpg' twice" in refusal(tar_path)


@pytest.mark.parametrize("kind", WRITERS)
def test_too_many_files(tmp_path, kind):
    path = WRITERS[kind](tmp_path / "pets", PETS)
    assert unpack_to_out(path, max_files=3).files == 3
    (tmp_path / "out").rename(tmp_path / "earlier")
    assert "more than 2 files" in refusal(path, max_files=2)


@pytest.mark.parametrize("kind", WRITERS)
def test_too_many_bytes(tmp_path, kind):
    path = WRITERS[kind](tmp_path / "pets", PETS)
    assert "more than 20002 bytes" in refusal(path, max_bytes=20_002)
    assert unpack_to_out(path, max_bytes=20_003).bytes == 20_003


@pytest.mark.parametrize("kind", ["deflated", "bzip2", "lzma", "w:gz", "w:bz2", "w:xz"])
def test_bomb(tmp_path, kind):
    path = tmp_path / "pets"
    write(path, {"bomb.bmp": bytes(20_000_000)}, kind)
    assert "max_ratio" in refusal(path)


def test_blank_images_are_no_bomb(tmp_path):
    path = write_zip(
        tmp_path / "pets.zip", {"blank.bmp": bytes(9_000_000)}, compression=zipfile.ZIP_DEFLATED
    )
    assert unpack_to_out(path, max_ratio=2.0).bytes == 9_000_000
