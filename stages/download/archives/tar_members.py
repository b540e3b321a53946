"""Members of a .tar archive, plain or compressed by gzip, bzip2 or xz."""

import bz2
import gzip
import io
import lzma
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO

from stages.download.archives.checks import (
    CHUNK,
    DAMAGE,
    LINK_OR_DEVICE,
    RATIO_FLOOR,
    Limits,
    Member,
    require_within,
)

DECOMPRESSORS = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\x00": lzma.open}
BLOCK = 512
# Long names and extended attributes of a member are read into memory at once.
MAX_HEADER = 4 << 20
# Headers and padding that are spent on each file, at most, in well-meant archives.
ROOM_PER_FILE = 4096


def starts_as_tar(path: Path) -> bool:
    """Whether the file, decompressed if need be, begins with the header of a tar's member."""
    try:
        with _decompressed(path) as stream:
            tarfile.TarInfo.frombuf(stream.read(BLOCK), "utf-8", "surrogateescape")
    except (*DAMAGE, OSError):
        return False
    return True


@contextmanager
def opened_tar(archive: Path, limits: Limits | None) -> Iterator[Iterator[Member]]:
    """Yields the members, each readable until the next is asked for.

    After the last one the archive's end and checksum are verified.
    """
    # Through its decompressor, whose checksums tarfile's own stream mode skips.
    with (
        _Bounded(_decompressed(archive), limits) as stream,
        tarfile.open(fileobj=stream, mode="r:", encoding="utf-8") as tar,
    ):
        yield _members(tar)


def _members(tar: tarfile.TarFile) -> Iterator[Member]:
    for info in tar:
        refusal = None
        if info.islnk():
            refusal = (
                f"is a hard link to {info.linkname!r}, a second name of one file. Expected files "
                "and folders alone. Pack the files themselves (tar does with --hard-dereference)."
            )
        elif not info.isreg() and not info.isdir():
            refusal = f"{LINK_OR_DEVICE} Pack the files themselves (tar does with -h)."
        yield Member(info.name, info.size, info.isdir(), refusal, partial(tar.extractfile, info))
    _require_end(tar)


def _require_end(tar: tarfile.TarFile) -> None:
    """Raises unless iteration stopped at the end mark and the stream's checksum is right.

    tarfile takes a broken header in the middle, or the absence of more, for the end.
    """
    tar.fileobj.seek(tar.offset)
    if tar.fileobj.read(BLOCK) != bytes(BLOCK):
        raise tarfile.ReadError("its end mark is missing")
    while tar.fileobj.read(CHUNK):  # the checksum stands at the end
        pass


def _decompressed(path: Path) -> BinaryIO:
    with path.open("rb") as stream:
        start = stream.read(8)
    openers = (opener for magic, opener in DECOMPRESSORS.items() if start.startswith(magic))
    return next(openers, open)(path, "rb")


class _Bounded(io.RawIOBase):
    """A decompressed stream that refuses to run past a position or to fill the memory."""

    def __init__(self, stream: BinaryIO, limits: Limits | None):
        self.stream, self.limits = stream, limits

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= MAX_HEADER:
            raise tarfile.ReadError(f"a header of {size} bytes")
        data = self.stream.read(size)
        self._check(self.stream.tell())
        return data

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._check(offset)
        return self.stream.seek(offset, whence)

    def tell(self) -> int:
        return self.stream.tell()

    def close(self) -> None:
        self.stream.close()
        super().close()

    def _check(self, position: int) -> None:
        if self.limits:
            room = RATIO_FLOOR + ROOM_PER_FILE * self.limits.files
            require_within(position - room, self.limits)
