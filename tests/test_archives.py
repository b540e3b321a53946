"""Archives that nobody vouches for: what is unpacked, what is refused, and that bytes survive."""

import io
import os
import random
import stat
import struct
import tarfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.common.archives import ExtractReport, extract, is_archive, is_junk, is_whole
from stages.common.errors import StageError
from stages.common.files import atomic_folder

TAR_MODES = ["w", "w:gz", "w:bz2", "w:xz"]
NOISE = random.Random(0).randbytes(20_000)
PETS = {"pets/cats/1.jpg": NOISE, "pets/dogs/1.jpg": b"dog", "pets/dogs/empty.jpg": b""}


def write_zip(path: Path, files: dict[str, bytes], **settings) -> Path:
    with zipfile.ZipFile(path, "w", **settings) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def write_tar(path: Path, files: dict[str, bytes], mode: str = "w", **settings) -> Path:
    with tarfile.open(path, mode, **settings) as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            info.mode = 0o777
            archive.addfile(info, io.BytesIO(content))
    return path


WRITERS = {"zip": write_zip, "tar": write_tar}


def unpack(path: Path, max_files=1000, max_bytes=10**9, max_ratio=100.0) -> ExtractReport:
    """Unpacks into the folder `out` beside the archive."""
    with atomic_folder(path.parent / "out") as folder:
        return extract(path, folder, max_files, max_bytes, max_ratio)


def contents(folder: Path) -> dict[str, bytes]:
    return {
        file.relative_to(folder).as_posix(): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file()
    }


def refusal(path: Path, **limits) -> str:
    """The message of an archive that has to be refused, with nothing left on the disk."""
    before = sorted(path.parent.rglob("*"))
    with pytest.raises(StageError) as caught:
        unpack(path, **limits)
    assert sorted(path.parent.rglob("*")) == before
    assert path.name in str(caught.value)
    return str(caught.value)


# What is unpacked


@pytest.mark.parametrize("kind", ["stored", "deflated", "bzip2", "lzma", *TAR_MODES])
def test_every_kind_is_told_by_its_content(tmp_path, kind):
    path = tmp_path / "pets.bin"
    if kind in TAR_MODES:
        write_tar(path, PETS, kind)
    else:
        write_zip(path, PETS, compression=getattr(zipfile, f"ZIP_{kind.upper()}"))
    assert is_archive(path)
    assert is_whole(path)
    assert unpack(path) == ExtractReport(3, len(NOISE) + 3, 0, ())
    assert contents(tmp_path / "out") == PETS


@pytest.mark.parametrize("kind", WRITERS)
def test_files_are_not_executable(tmp_path, kind):
    path = WRITERS[kind](tmp_path / "pets", {"run.jpg": b"#!/bin/sh"})
    unpack(path)
    assert (tmp_path / "out" / "run.jpg").stat().st_mode & 0o111 == 0


@pytest.mark.parametrize("kind", WRITERS)
def test_junk_is_skipped_and_counted(tmp_path, kind):
    junk = ["__MACOSX/pets/._1.jpg", "pets/.DS_Store", "pets/Thumbs.db", "desktop.ini"]
    path = WRITERS[kind](tmp_path / "pets", PETS | dict.fromkeys(junk, b"junk"))
    assert unpack(path) == ExtractReport(3, len(NOISE) + 3, 4, tuple(junk))
    assert contents(tmp_path / "out") == PETS


@pytest.mark.parametrize(
    ("path", "junk"),
    [
        ("__MACOSX/a/b.jpg", True),
        ("a/__MACOSX/b.jpg", True),
        ("a/.DS_Store", True),
        ("THUMBS.DB", True),
        ("a/Desktop.ini", True),
        ("a/._cat.jpg", True),
        ("a/cat.jpg", False),
        (".hidden/cat.jpg", False),
        ("Thumbs.db.jpg", False),
        ("__MACOSX.jpg", False),
        ("", False),
    ],
)
def test_is_junk(path, junk):
    assert is_junk(path) is junk


def test_folder_entries_and_dots_are_harmless(tmp_path):
    path = tmp_path / "pets.tar"
    with tarfile.open(path, "w") as archive:
        for name in (".", "./cats", "./cats/"):
            info = tarfile.TarInfo(name)
            info.type = tarfile.DIRTYPE
            archive.addfile(info)
        archive.addfile(tarfile.TarInfo("./cats/1.jpg"))
    assert unpack(path).files == 1
    assert contents(tmp_path / "out") == {"cats/1.jpg": b""}


def test_zip_names_in_utf8_and_cp437(tmp_path):
    path = write_zip(tmp_path / "pets.zip", {"猫/köter.jpg": b"1", "plain_.jpg": b"2"})
    # An old packer writes bytes above 127 without the flag that says UTF-8.
    path.write_bytes(path.read_bytes().replace(b"plain_", b"caf\x82__"[:6]))
    unpack(path)
    assert contents(tmp_path / "out") == {"猫/köter.jpg": b"1", "café__"[:6] + ".jpg": b"2"}


@pytest.mark.parametrize("format", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_tar_names_become_text(tmp_path, format):
    name = b"caf\x82.jpg".decode("utf-8", "surrogateescape")
    files = {name: b"1", "猫/köter.jpg": b"2", "long/" * 40 + "1.jpg": b"3"}
    path = write_tar(tmp_path / "pets.tar", files, format=format, errors="surrogateescape")
    unpack(path)
    found = contents(tmp_path / "out")
    assert set(found) == {"café.jpg", "猫/köter.jpg", "long/" * 40 + "1.jpg"}
    for name in found:
        name.encode()


def test_blank_pictures_are_no_bomb(tmp_path):
    path = write_zip(
        tmp_path / "pets.zip", {"blank.bmp": bytes(9_000_000)}, compression=zipfile.ZIP_DEFLATED
    )
    assert unpack(path, max_ratio=2.0).bytes == 9_000_000


def test_tar_that_ends_with_a_zip_is_a_tar(tmp_path):
    inner = write_zip(tmp_path / "inner.zip", {"a.jpg": b"a"}).read_bytes()
    path = write_tar(tmp_path / "pets.tar", {"inner.zip": inner})
    unpack(path)
    assert contents(tmp_path / "out") == {"inner.zip": inner}


TREES = st.dictionaries(
    st.lists(
        st.text(
            st.characters(categories=("L", "N", "Zs"), include_characters="_-."), min_size=1
        ).filter(lambda name: name.strip(".") and len(name.encode()) < 60 and not is_junk(name)),
        min_size=1,
        max_size=3,
    ).map("/".join),
    st.binary(max_size=3000),
    min_size=1,
    max_size=6,
)


@settings(max_examples=60, deadline=None)
@given(files=TREES, kind=st.sampled_from([*TAR_MODES, "zip"]))
def test_any_tree_comes_back_byte_for_byte(files, kind, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tree")
    path = folder / "tree.bin"
    if kind == "zip":
        write_zip(path, files, compression=zipfile.ZIP_DEFLATED)
    else:
        write_tar(path, files, kind)
    try:
        report = unpack(path)
    except StageError as error:
        assert any(text in str(error) for text in ("one name where case", "both as a file"))
        return
    assert contents(folder / "out") == files
    assert (report.files, report.bytes) == (len(files), sum(map(len, files.values())))


# What is refused


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
        ("a/1.jpg", "a/1.JPG", "where case is ignored"),
        ("Cats/1.jpg", "cats/2.jpg", "where case is ignored"),
        ("caf\u00e9.jpg", "cafe\u0301.jpg", "where case is ignored"),
        ("a/1.jpg", "a//./1.jpg", "twice"),
        ("a", "a/1.jpg", "both as a file and as a folder"),
        ("a/1.jpg", "a", "both as a file and as a folder"),
    ],
)
def test_names_that_collide(tmp_path, kind, first, second, trouble):
    text = refusal(WRITERS[kind](tmp_path / "pets", {first: b"1", second: b"2"}))
    assert trouble in text


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_duplicate_names(tmp_path):
    zip_path, tar_path = tmp_path / "pets.zip", tmp_path / "pets.tar"
    with zipfile.ZipFile(zip_path, "w") as zip_file, tarfile.open(tar_path, "w") as tar_file:
        for _ in range(2):
            zip_file.writestr("a.jpg", b"x")
            tar_file.addfile(tarfile.TarInfo("a.jpg"))
    assert "holds 'a.jpg' twice" in refusal(zip_path)
    assert "holds 'a.jpg' twice" in refusal(tar_path)


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE]
)
def test_tar_links_and_devices(tmp_path, kind):
    path = tmp_path / "pets.tar"
    with tarfile.open(path, "w") as archive:
        info = tarfile.TarInfo("cats/1.jpg")
        info.type, info.linkname = kind, "../../secret"
        archive.addfile(info)
    assert "'cats/1.jpg' is a link or a device" in refusal(path)


def test_zip_links(tmp_path):
    path = tmp_path / "pets.zip"
    with zipfile.ZipFile(path, "w") as archive:
        info = zipfile.ZipInfo("cats/1.jpg")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "../../secret")
    assert "'cats/1.jpg' is a link or a device" in refusal(path)


def test_encrypted(tmp_path):
    path = write_zip(tmp_path / "pets.zip", {"a.jpg": b"x"})
    set_in_directory(path, 8, struct.pack("<H", 1))
    text = refusal(path)
    assert "'a.jpg' is encrypted" in text


def set_in_directory(path: Path, offset: int, value: bytes) -> None:
    """Overwrites a field of the first entry in a zip's central directory."""
    content = bytearray(path.read_bytes())
    start = content.index(b"PK\x01\x02") + offset
    content[start : start + len(value)] = value
    path.write_bytes(content)


@pytest.mark.parametrize("kind", WRITERS)
def test_too_many_files(tmp_path, kind):
    path = WRITERS[kind](tmp_path / "pets", PETS)
    assert unpack(path, max_files=3).files == 3
    (tmp_path / "out").rename(tmp_path / "earlier")
    assert "more than 2 files" in refusal(path, max_files=2)


@pytest.mark.parametrize("kind", WRITERS)
def test_too_many_bytes(tmp_path, kind):
    path = WRITERS[kind](tmp_path / "pets", PETS)
    assert "more than 20002 bytes" in refusal(path, max_bytes=20_002)
    assert unpack(path, max_bytes=20_003).bytes == 20_003


@pytest.mark.parametrize("kind", ["deflated", "bzip2", "lzma", "w:gz", "w:bz2", "w:xz"])
def test_bomb(tmp_path, kind):
    path = tmp_path / "pets"
    files = {"bomb.bmp": bytes(20_000_000)}
    if kind in TAR_MODES:
        write_tar(path, files, kind)
    else:
        write_zip(path, files, compression=getattr(zipfile, f"ZIP_{kind.upper()}"))
    assert "max_ratio" in refusal(path)


def test_bomb_behind_a_lying_header(tmp_path):
    for method in (zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2):
        path = write_zip(tmp_path / "pets.zip", {"bomb.bmp": bytes(20_000_000)}, compression=method)
        set_in_directory(path, 24, struct.pack("<I", 1000))
        assert "damaged" in refusal(path)  # no more than the 1000 bytes were written


def test_zip_header_that_claims_too_much(tmp_path):
    path = write_zip(tmp_path / "pets.zip", {"a.jpg": b"x" * 100})
    set_in_directory(path, 24, struct.pack("<I", 2000))
    assert "damaged" in refusal(path)
    assert "max_bytes" in refusal(path, max_bytes=1500)


def test_tar_header_that_claims_a_huge_long_name(tmp_path):
    path = tmp_path / "pets.tar"
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 2**33
    path.write_bytes(info.tobuf(tarfile.GNU_FORMAT) + bytes(10_240))
    assert "damaged" in refusal(path)


def test_tar_of_nested_long_names(tmp_path):
    path = tmp_path / "pets.tar"
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 5
    path.write_bytes((info.tobuf(tarfile.GNU_FORMAT) + b"name".ljust(512, b"\0")) * 5000)
    assert "damaged" in refusal(path)


def test_bad_checksum(tmp_path):
    zip_path = write_zip(tmp_path / "pets.zip", {"a.jpg": NOISE})
    gz_path = write_tar(tmp_path / "pets.tar.gz", {"a.jpg": NOISE}, "w:gz")
    for path in (zip_path, gz_path):
        content = bytearray(path.read_bytes())
        content[8000] ^= 1
        path.write_bytes(content)
        assert "damaged" in refusal(path)


@pytest.mark.parametrize("kind", ["zip", *TAR_MODES])
@pytest.mark.parametrize("part", [0.3, 0.6, 0.98])
def test_truncated(tmp_path, kind, part):
    path = tmp_path / "pets"
    files = {f"{number}.jpg": random.Random(number).randbytes(30_000) for number in range(3)}
    write_zip(path, files) if kind == "zip" else write_tar(path, files, kind)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * part)])
    if kind == "w" and part == 0.98:  # within the padding after the end mark
        assert unpack(path).files == 3
    else:
        assert "damaged or truncated" in refusal(path)
        assert not is_whole(path)


def test_tar_cut_between_members(tmp_path):
    path = write_tar(tmp_path / "pets.tar", {"1.jpg": bytes(512), "2.jpg": bytes(512)})
    path.write_bytes(path.read_bytes()[:1024])  # tarfile itself finds nothing wrong with it
    assert "end mark is missing" in refusal(path)


def test_tar_with_a_broken_header_in_the_middle(tmp_path):
    path = write_tar(tmp_path / "pets.tar", {"1.jpg": bytes(512), "2.jpg": bytes(512)})
    content = bytearray(path.read_bytes())
    content[1024 + 150] ^= 1
    path.write_bytes(content)
    assert "damaged" in refusal(path)


@pytest.mark.parametrize(
    ("content", "received"),
    [
        (b"", "begins with b''"),
        (bytes(10_240), "begins with"),
        (b"<!doctype html><html></html>", "<!doctyp"),
        (b"7z\xbc\xaf\x27\x1c" + bytes(100), "a 7-Zip archive"),
        (b"Rar!\x1a\x07\x01\x00" + bytes(100), "a RAR archive"),
    ],
)
def test_not_an_archive(tmp_path, content, received):
    path = tmp_path / "pets.zip"
    path.write_bytes(content)
    assert not is_archive(path)
    assert received in refusal(path)


def test_missing_file(tmp_path):
    assert not is_archive(tmp_path / "absent.zip")
    assert not is_archive(tmp_path)
    assert "not a file" in refusal(tmp_path / "absent.zip")


def test_unwritable_name(tmp_path):
    path = write_zip(tmp_path / "pets.zip", {"a" * 300 + ".jpg": b"x"})
    assert "File name too long" in refusal(path)


@pytest.mark.parametrize("kind", ["stored", "deflated", *TAR_MODES[:2]])
def test_any_damage_is_reported_as_such(tmp_path, kind):
    path = tmp_path / "pets"
    if kind in TAR_MODES:
        write_tar(path, PETS, kind)
    else:
        write_zip(path, PETS, compression=getattr(zipfile, f"ZIP_{kind.upper()}"))
    whole = path.read_bytes()
    rng = random.Random(0)
    # Headers and directories, where damage has the most ways to show.
    places = [*range(min(600, len(whole))), *range(max(0, len(whole) - 600), len(whole))]
    for _ in range(150):
        content = bytearray(whole)
        for place in rng.sample(places, 3):
            content[place] = rng.randrange(256)
        path.write_bytes(content)
        try:
            unpack(path)
        except StageError:
            assert sorted(os.listdir(tmp_path)) in (["pets"], ["out", "pets"])
