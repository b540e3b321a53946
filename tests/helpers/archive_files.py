"""Archives for tests, and ways to unpack them."""

import io
import random
import tarfile
import zipfile
from pathlib import Path

import pytest

from common.errors import StageError
from common.files import atomic_folder
from stages.download.archives.unpack import Unpacked, unpack

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


def write(path: Path, files: dict[str, bytes], kind: str) -> Path:
    """Kind: a tar's mode, or "stored", "deflated", "bzip2" or "lzma" for a zip."""
    if kind in TAR_MODES:
        return write_tar(path, files, kind)
    return write_zip(path, files, compression=getattr(zipfile, f"ZIP_{kind.upper()}"))


WRITERS = {"zip": write_zip, "tar": write_tar}


def unpack_to_out(path: Path, max_files=1000, max_bytes=10**9, max_ratio=100.0) -> Unpacked:
    """Unpacks into the folder `out` beside the archive."""
    with atomic_folder(path.parent / "out") as folder:
        return unpack(path, folder, max_files, max_bytes, max_ratio)


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
        unpack_to_out(path, **limits)
    assert sorted(path.parent.rglob("*")) == before
    assert path.name in str(caught.value)
    return str(caught.value)
