"""Untrusted archives: recognised by content, unpacked whole or refused, byte for byte."""

import os
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import StageError
from common.junk import is_junk
from stages.download.archives.unpack import Unpacked, is_archive, is_whole
from tests.helpers.archive_files import (
    NOISE,
    PETS,
    TAR_MODES,
    WRITERS,
    contents,
    refusal,
    unpack_to_out,
    write,
    write_tar,
    write_zip,
)


@pytest.mark.parametrize("kind", ["stored", "deflated", "bzip2", "lzma", *TAR_MODES])
def test_every_kind_is_recognised_by_its_content(tmp_path, kind):
    path = tmp_path / "pets.bin"
    write(path, PETS, kind)
    assert is_archive(path)
    assert is_whole(path)
    assert unpack_to_out(path) == Unpacked(3, len(NOISE) + 3, 0, ())
    assert contents(tmp_path / "out") == PETS


@pytest.mark.parametrize("kind", WRITERS)
def test_files_are_not_executable(tmp_path, kind):
    path = WRITERS[kind](tmp_path / "pets", {"run.jpg": b"#!/bin/sh"})
    unpack_to_out(path)
    assert (tmp_path / "out" / "run.jpg").stat().st_mode & 0o111 == 0


@pytest.mark.parametrize("kind", WRITERS)
def test_junk_is_skipped_and_counted(tmp_path, kind):
    junk = ["__MACOSX/pets/._1.jpg", "pets/.DS_Store", "pets/Thumbs.db", "desktop.ini"]
    path = WRITERS[kind](tmp_path / "pets", PETS | dict.fromkeys(junk, b"junk"))
    assert unpack_to_out(path) == Unpacked(3, len(NOISE) + 3, 4, tuple(junk))
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
        (".hidden/cat.jpg", True),
        ("Thumbs.db.jpg", False),
        ("__MACOSX.jpg", False),
        ("", False),
    ],
)
def test_is_junk(path, junk):
    assert is_junk(path) is junk


TREES = st.dictionaries(
    st.lists(
        st.text(
            st.characters(categories=("L", "N", "Zs"), include_characters="_-."), min_size=1
        ).filter(
            lambda name: (
                len(name.encode()) < 60
                and not name.startswith(".")
                and not any(map(is_junk, (name, f"{name}/file")))
            )
        ),
        min_size=1,
        max_size=3,
    ).map("/".join),
    st.binary(max_size=3000),
    min_size=1,
    max_size=6,
)


@settings(max_examples=60, deadline=None)
@given(files=TREES, kind=st.sampled_from([*TAR_MODES, "deflated"]))
def test_any_tree_comes_back_byte_for_byte(files, kind, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tree")
    path = folder / "tree.bin"
    write(path, files, kind)
    try:
        report = unpack_to_out(path)
    except StageError as error:
        assert any(text in str(error) for text in ("on this file system", "both as a file"))
        return
    assert contents(folder / "out") == files
    assert (report.files, report.bytes) == (len(files), sum(map(len, files.values())))


def test_bad_checksum(tmp_path):
    zip_path = write_zip(tmp_path / "pets.zip", {"a.jpg": NOISE})
    gz_path = write_tar(tmp_path / "pets.tar.gz", {"a.jpg": NOISE}, "w:gz")
    for path in (zip_path, gz_path):
        content = bytearray(path.read_bytes())
        content[8000] ^= 1
        path.write_bytes(content)
        assert "damaged" in refusal(path)


@pytest.mark.parametrize("kind", ["stored", *TAR_MODES])
@pytest.mark.parametrize("part", [0.3, 0.6, 0.98])
def test_truncated(tmp_path, kind, part):
    path = tmp_path / "pets"
    files = {f"{number}.jpg": random.Random(number).randbytes(30_000) for number in range(3)}
    write(path, files, kind)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * part)])
    if kind == "w" and part == 0.98:  # within the padding after the end mark
        assert unpack_to_out(path).files == 3
    else:
        assert "damaged or truncated" in refusal(path)
        assert not is_whole(path)


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
    write(path, PETS, kind)
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
            unpack_to_out(path)
        except StageError:
            assert sorted(os.listdir(tmp_path)) in (["pets"], ["out", "pets"])
