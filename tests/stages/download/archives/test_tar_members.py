"""Members of a .tar: names, links, headers and its end."""

import tarfile

import pytest

from tests.helpers.archive_files import contents, refusal, unpack_to_out, write_tar, write_zip


def test_folder_entries_and_dots_are_harmless(tmp_path):
    path = tmp_path / "pets.tar"
    with tarfile.open(path, "w") as archive:
        for name in (".", "./cats", "./cats/"):
            info = tarfile.TarInfo(name)
            info.type = tarfile.DIRTYPE
            archive.addfile(info)
        archive.addfile(tarfile.TarInfo("./cats/1.jpg"))
    assert unpack_to_out(path).files == 1
    assert contents(tmp_path / "out") == {"cats/1.jpg": b""}


@pytest.mark.parametrize("format", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_tar_names_become_text(tmp_path, format):
    name = b"caf\x82.jpg".decode("utf-8", "surrogateescape")
    files = {name: b"1", "猫/köter.jpg": b"2", "long/" * 40 + "1.jpg": b"3"}
    path = write_tar(tmp_path / "pets.tar", files, format=format, errors="surrogateescape")
    unpack_to_out(path)
    files = contents(tmp_path / "out")
    assert set(files) == {"café.jpg", "猫/köter.jpg", "long/" * 40 + "1.jpg"}
    for name in files:
        name.encode()


def test_tar_that_ends_with_a_zip_is_a_tar(tmp_path):
    inner = write_zip(tmp_path / "inner.zip", {"a.jpg": b"a"}).read_bytes()
    path = write_tar(tmp_path / "pets.tar", {"inner.zip": inner})
    unpack_to_out(path)
    assert contents(tmp_path / "out") == {"inner.zip": inner}


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE]
)
def test_tar_links_and_devices(tmp_path, kind):
    path = tmp_path / "pets.tar"
    with tarfile.open(path, "w") as archive:
        info = tarfile.TarInfo("cats/1.jpg")
        info.type, info.linkname = kind, "../../secret"
        archive.addfile(info)
    assert "'cats/1.jpg' is a link or a device" in refusal(path)


def test_tar_hard_links(tmp_path):
    path = tmp_path / "pets.tar"
    with tarfile.open(path, "w") as archive:
        archive.addfile(tarfile.TarInfo("cats/1.jpg"))
        info = tarfile.TarInfo("cats/2.jpg")
        info.type, info.linkname = tarfile.LNKTYPE, "cats/1.jpg"
        archive.addfile(info)
    text = refusal(path)
    assert "'cats/2.jpg' is a hard link to 'cats/1.jpg'" in text
    assert "--hard-dereference" in text


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
