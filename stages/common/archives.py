"""Unpacking of archives that nobody vouches for: .zip and .tar, judged by content, not by name.

Everything that can be known beforehand is checked before the first byte is written: the
number of files, their total size, the ratio to the archive's size, encryption, links, and
names that collide or would leave the folder. Headers may lie, so the bytes are counted again
while they are written. `zipfile.extractall` and `tarfile.extractall` do none of this.
"""

import bz2
import errno
import gzip
import io
import lzma
import re
import stat
import tarfile
import unicodedata
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from stages.common.errors import StageError

CHUNK = 1 << 20
# bz2 and lzma members of a zip are decompressed without an upper bound per call, so feed
# them little: 4 KiB of bz2 hold at most about 80 MB.
SMALL_CHUNK = 1 << 12
# Below this size no ratio is suspicious: a folder of blank test pictures shrinks 1000-fold.
RATIO_FLOOR = 10 * 1000 * 1000
# Long names and extended attributes of a tar member are read into memory at once.
MAX_TAR_HEADER = 4 << 20
# Headers and padding that a tar spends on each file, at most, in well-meant archives.
TAR_ROOM_PER_FILE = 4096
TAR_BLOCK = 512

ZIP_ENCRYPTED = 0x1
ZIP_STARTS = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
OPENERS = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\x00": lzma.open}
OTHERS = {b"7z\xbc\xaf": "a 7-Zip archive", b"Rar!": "a RAR archive"}

JUNK_FOLDERS = {"__macosx"}
JUNK_FILES = {".ds_store", "thumbs.db", "desktop.ini", ".gitkeep", ".gitignore"}

# What the readers of damaged archives raise. RecursionError: a tar of nested long names;
# NotImplementedError: a compression method or zip version that Python does not know.
DAMAGE = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    ValueError,
    RecursionError,
    NotImplementedError,
)


@dataclass(frozen=True)
class ExtractReport:
    """What `extract` did.

    Attributes:
        files: number of files written.
        bytes: their total size.
        junk: number of files skipped because `is_junk` says so.
        skipped: the names of those files, in the archive's order.
    """

    files: int
    bytes: int
    junk: int
    skipped: tuple[str, ...]


@dataclass(frozen=True)
class _Member:
    """One entry as its header describes it; `refusal` says why it must not be unpacked."""

    name: str
    size: int
    is_folder: bool
    refusal: str | None


@dataclass(frozen=True)
class _Limits:
    """The caller's limits, and the archive that they are for."""

    name: str
    packed: int  # bytes of the archive on disk, which no header can forge
    files: int
    bytes: int
    ratio: float


def is_junk(relative_posix_path: str) -> bool:
    """Whether a path is what operating systems and git leave behind: the one list of it.

    That is everything in a `__MACOSX` folder, and in any folder `.DS_Store`, `Thumbs.db`,
    `desktop.ini`, `.gitkeep` and `.gitignore` (in any case) and macOS's resource forks,
    `._cat.jpg` beside `cat.jpg`.
    """
    parts = PurePosixPath(relative_posix_path.casefold()).parts
    return bool(parts) and (
        parts[-1] in JUNK_FILES or parts[-1].startswith("._") or not JUNK_FOLDERS.isdisjoint(parts)
    )


def is_archive(path: Path) -> bool:
    """Whether the file's content is a zip, or a tar that is plain or in gzip, bzip2 or xz."""
    return path.is_file() and _kind(path) is not None


def is_whole(path: Path) -> bool:
    """Whether an archive reaches its own end: a tar is decompressed once, a zip is not."""
    try:
        if _kind(path) == "tar":
            with _opened_tar(path, None) as tar:
                for _ in tar:
                    pass
                _require_tar_end(tar)
            return True
        return _kind(path) == "zip"
    except (*DAMAGE, OSError):
        return False


def extract(
    archive: Path, folder: Path, max_files: int, max_bytes: int, max_ratio: float
) -> ExtractReport:
    """Unpacks the files of an archive into an empty folder, in the archive's order.

    File contents are kept byte for byte; times, owners and modes are not. Names inside a zip
    are decoded as `zipfile` does; bytes of a tar's name that are not UTF-8 are read as
    code page 437, as in a zip, so that every name is text and fits every table.

    Args:
        archive: the .zip, .tar, .tar.gz, .tar.bz2 or .tar.xz file, under any name.
        folder: existing empty folder, which the caller removes if this raises.
        max_files: greatest number of files (and of folders, and of junk files).
        max_bytes: greatest total size of the unpacked files.
        max_ratio: greatest unpacked size divided by the archive's size; not applied to
            archives of less than 10 MB unpacked.

    Raises:
        StageError: not an archive, damaged, truncated, encrypted, above a limit, or with a
            member that is a link, a device, leaves the folder or collides with another.
    """
    if not archive.is_file():
        raise StageError(f"Expected an archive. Received: {archive}, which is not a file.")
    limits = _Limits(archive.name, archive.stat().st_size, max_files, max_bytes, max_ratio)
    kind = _kind(archive)
    if kind is None:
        raise _not_an_archive(archive)
    try:
        return (_extract_zip if kind == "zip" else _extract_tar)(archive, folder, limits)
    except DAMAGE as error:
        raise _damaged(archive, error) from error
    except OSError as error:
        # Broken data may be an OSError without a number, or with that of an impossible seek.
        if error.errno in (None, errno.EINVAL):
            raise _damaged(archive, error) from error
        raise StageError(
            f"Could not unpack {archive.name}: {error.strerror} ({error.filename or folder}). "
            "Expected room, write permission and a file system that takes such names."
        ) from error


def _kind(path: Path) -> str | None:
    """'zip', 'tar' or None."""
    with path.open("rb") as stream:
        start = stream.read(8)
    # A tar whose last member is a zip also ends like a zip: what comes first decides.
    if not start.startswith(ZIP_STARTS) and _starts_as_tar(path):
        return "tar"
    return "zip" if zipfile.is_zipfile(path) else None


def _starts_as_tar(path: Path) -> bool:
    try:
        with _decompressed(path) as stream:
            block = stream.read(TAR_BLOCK)
        tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except (*DAMAGE, OSError):
        return False
    return True


def _decompressed(path: Path) -> BinaryIO:
    with path.open("rb") as stream:
        start = stream.read(8)
    for magic, opener in OPENERS.items():
        if start.startswith(magic):
            return opener(path, "rb")
    return path.open("rb")


# Checks that both formats share


def _plan(members: Iterable[_Member], limits: _Limits) -> dict[int, str]:
    """Checks every member's header; returns where the files go, by the member's position."""
    targets: dict[int, str] = {}
    known: dict[str, tuple[str, str]] = {}
    counts = {"file": 0, "folder": 0, "junk file": 0}
    total = 0
    for position, member in enumerate(members):
        path = _safe_path(member, limits.name)
        kind = "folder" if member.is_folder else "junk file" if is_junk(path) else "file"
        counts[kind] += 1
        if counts[kind] > limits.files:
            raise StageError(
                f"{limits.name} holds more than {limits.files} {kind}s, the limit max_files. "
                "Raise the limit if the archive is to be trusted."
            )
        if kind == "junk file":
            continue
        if member.refusal:
            raise StageError(f"{limits.name}: {member.name!r} {member.refusal}")
        _require_unique(path, kind, known, limits.name)
        if kind == "file":
            total += member.size
            _require_room(total, limits)
            targets[position] = path
    return targets


def _safe_path(member: _Member, archive: str) -> str:
    """The member's path below the folder, '' for the folder itself; raises if it leaves it."""
    name = member.name
    path = "/".join(part for part in name.split("/") if part not in ("", "."))
    trouble = None
    if name.startswith("/"):
        trouble = "is an absolute path"
    elif "\\" in name:
        trouble = "has a backslash, which divides folders on one system and not on another"
    elif re.match(r"[A-Za-z]:", path):
        trouble = "begins with a drive letter"
    elif ".." in path.split("/"):
        trouble = "climbs out of its folder with '..'"
    elif "\0" in name:
        trouble = "has a null character"
    elif not path and not member.is_folder:
        trouble = "is a file without a name"
    if trouble:
        raise StageError(
            f"{archive}: {name!r} {trouble}. Expected relative paths with '/' between folders. "
            "Pack the pictures again that way."
        )
    return _as_text(path)


def _as_text(path: str) -> str:
    """The path without lone surrogates, which no table, JSON or CSV file can hold."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return path.encode("utf-8", "surrogateescape").decode("cp437")
    return path


def _require_unique(path: str, kind: str, known: dict[str, tuple[str, str]], archive: str) -> None:
    """Raises if two entries are one file on some system: macOS and Windows ignore case.

    Args:
        path: the entry's path; its parents count as folders.
        kind: "file" or "folder".
        known: what was seen before, comparable path -> (path, kind); extended here.
        archive: for the message.
    """
    parents = [parent.as_posix() for parent in reversed(PurePosixPath(path).parents)][1:]
    for entry in [(parent, "folder") for parent in parents] + [(path, kind)]:
        key = unicodedata.normalize("NFC", unicodedata.normalize("NFC", entry[0]).casefold())
        other = known.setdefault(key, entry)
        if other is entry or other == entry == (entry[0], "folder"):
            continue
        if other == entry:
            trouble = f"holds {entry[0]!r} twice"
        elif other[0] == entry[0]:
            trouble = f"holds {entry[0]!r} both as a file and as a folder"
        else:
            trouble = f"holds {other[0]!r} and {entry[0]!r}, one name where case is ignored"
        raise StageError(
            f"{archive} {trouble}: one would overwrite the other. Rename one of them and pack "
            "the archive again."
        )


def _require_room(total: int, limits: _Limits) -> None:
    """Raises if `total` unpacked bytes are too many, by themselves or for the archive's size."""
    if total > limits.bytes:
        raise StageError(
            f"{limits.name} unpacks to more than {limits.bytes} bytes, the limit max_bytes. "
            "Raise the limit if the archive is to be trusted and the disk has the room."
        )
    if total >= RATIO_FLOOR and total > limits.ratio * limits.packed:
        raise StageError(
            f"{limits.name} unpacks to more than {limits.ratio:g} times its {limits.packed} "
            "bytes, the limit max_ratio. Pictures hardly shrink, so this looks like a "
            "decompression bomb. Raise the limit if the archive is to be trusted."
        )


class _Writer:
    """Writes members below a folder and counts what is really written."""

    def __init__(self, folder: Path, limits: _Limits):
        self.folder, self.limits = folder, limits
        self.files = self.bytes = 0

    def write(self, source: BinaryIO, path: str, declared: int, chunk: int) -> None:
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        size = 0
        with target.open("xb") as stream:
            while data := source.read(chunk):
                size += len(data)
                _require_room(self.bytes + size, self.limits)
                stream.write(data)
        if size != declared:
            raise EOFError(f"{path!r} holds {size} bytes instead of {declared}")
        self.files += 1
        self.bytes += size


# Zip


def _extract_zip(archive: Path, folder: Path, limits: _Limits) -> ExtractReport:
    with zipfile.ZipFile(archive) as content:
        infos = content.infolist()
        targets = _plan(map(_zip_member, infos), limits)
        writer = _Writer(folder, limits)
        skipped = []
        for position, info in enumerate(infos):
            if position in targets:
                plain = info.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
                with content.open(info) as source:
                    writer.write(
                        source, targets[position], info.file_size, CHUNK if plain else SMALL_CHUNK
                    )
            elif not info.orig_filename.endswith("/"):
                skipped.append(info.orig_filename)
    return ExtractReport(writer.files, writer.bytes, len(skipped), tuple(skipped))


def _zip_member(info: zipfile.ZipInfo) -> _Member:
    refusal = None
    unix_kind = stat.S_IFMT(info.external_attr >> 16)
    if info.flag_bits & ZIP_ENCRYPTED:
        refusal = "is encrypted. Expected an archive without a password: pack it again without."
    elif unix_kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        refusal = f"{_LINK_OR_DEVICE} Pack the files themselves (zip does without -y)."
    # orig_filename, because zipfile cuts a name at a null character (and trips over an empty one).
    name = info.orig_filename
    return _Member(name, info.file_size, name.endswith("/"), refusal)


# Tar

_LINK_OR_DEVICE = "is a link or a device. Expected files and folders alone."


class _Bounded(io.RawIOBase):
    """A decompressed stream that refuses to run past a position or to fill the memory."""

    def __init__(self, stream: BinaryIO, limits: _Limits | None):
        self.stream, self.limits = stream, limits

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= MAX_TAR_HEADER:
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
            room = RATIO_FLOOR + TAR_ROOM_PER_FILE * self.limits.files
            _require_room(position - room, self.limits)


@contextmanager
def _opened_tar(archive: Path, limits: _Limits | None) -> Iterator[tarfile.TarFile]:
    """A tar opened through its decompressor, whose checksums tarfile's own stream mode skips."""
    with (
        _Bounded(_decompressed(archive), limits) as stream,
        tarfile.open(fileobj=stream, mode="r:", encoding="utf-8") as tar,
    ):
        yield tar


def _extract_tar(archive: Path, folder: Path, limits: _Limits) -> ExtractReport:
    # Two passes: a tar has no directory, and nothing is written before all of it is judged.
    with _opened_tar(archive, limits) as tar:
        targets = _plan(map(_tar_member, tar), limits)
        _require_tar_end(tar)
    writer = _Writer(folder, limits)
    skipped = []
    with _opened_tar(archive, limits) as tar:
        for position, info in enumerate(tar):
            if position in targets:
                writer.write(tar.extractfile(info), targets[position], info.size, CHUNK)
            elif not info.isdir():
                skipped.append(info.name)
    return ExtractReport(writer.files, writer.bytes, len(skipped), tuple(skipped))


def _tar_member(info: tarfile.TarInfo) -> _Member:
    plain = info.isreg() or info.isdir()
    refusal = None if plain else f"{_LINK_OR_DEVICE} Pack the files themselves (tar does with -h)."
    return _Member(info.name, info.size, info.isdir(), refusal)


def _require_tar_end(tar: tarfile.TarFile) -> None:
    """Raises unless iteration stopped at the end mark and the stream's checksum is right.

    tarfile takes a broken header in the middle, or the absence of more, for the end.
    """
    tar.fileobj.seek(tar.offset)
    if tar.fileobj.read(TAR_BLOCK) != bytes(TAR_BLOCK):
        raise tarfile.ReadError("its end mark is missing")
    while tar.fileobj.read(CHUNK):  # the checksum stands at the end
        pass


# Messages


def _not_an_archive(archive: Path) -> StageError:
    with archive.open("rb") as stream:
        start = stream.read(8)
    if start.startswith((*ZIP_STARTS, *OPENERS)):
        return _damaged(archive, "it begins as an archive, but its directory cannot be found")
    other = next((name for magic, name in OTHERS.items() if start.startswith(magic)), None)
    return StageError(
        f"{archive.name} is not an archive that can be unpacked here. Expected .zip, .tar, "
        f".tar.gz, .tar.bz2 or .tar.xz. Received {other or f'a file that begins with {start!r}'}."
        " Pack the pictures as one of the former."
    )


def _damaged(archive: Path, detail: object) -> StageError:
    return StageError(
        f"{archive.name} is damaged or truncated: {detail or type(detail).__name__}. Expected a "
        "whole archive. Download or copy it again; if that does not help, pack it again."
    )
