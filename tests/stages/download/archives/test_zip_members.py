"""Members of a .zip: names, links, passwords and a directory that lies."""

import stat
import struct
import zipfile
from pathlib import Path

import pytest

from tests.helpers.archive_files import contents, refusal, unpack_to_out, write_zip


def test_zip_names_in_utf8_and_cp437(tmp_path):
    path = write_zip(tmp_path / "pets.zip", {"猫/köter.jpg": b"1", "plain_.jpg": b"2"})
    # An old packer writes bytes above 127 without the flag that says UTF-8.
    path.write_bytes(path.read_bytes().replace(b"plain_", b"caf\x82__"[:6]))
    unpack_to_out(path)
    assert contents(tmp_path / "out") == {"猫/köter.jpg": b"1", "café__"[:6] + ".jpg": b"2"}


def test_zip_names_in_utf8_without_the_flag(tmp_path):
    names = {"caf\u00e9/1.jpg": b"1", "cafe\u0301/2.jpg": b"2", "\u732b.jpg": b"3", "a.jpg": b"4"}
    path = write_zip(tmp_path / "pets.zip", names)
    content = bytearray(path.read_bytes())
    for magic, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = -1
        while (start := content.find(magic, start + 1)) >= 0:
            content[start + offset + 1] &= ~0x08
    path.write_bytes(content)
    unpack_to_out(path)
    assert contents(tmp_path / "out") == names


@pytest.mark.parametrize(("method", "name"), [(9, "Deflate64"), (93, "Zstandard"), (98, "PPMd")])
def test_methods_that_cannot_be_unpacked_are_named(tmp_path, method, name):
    path = write_zip(tmp_path / "pets.zip", {"a.jpg": b"x"})
    set_in_directory(path, 10, struct.pack("<H", method))
    assert f"'a.jpg' is packed with {name}, which cannot be unpacked here" in refusal(path)


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
