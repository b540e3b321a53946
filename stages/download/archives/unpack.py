"""Unpacking of untrusted archives, .zip and .tar, recognised by their content, not their name.

Everything that can be known beforehand is checked before the first byte is written: the
number of files, their total size, the ratio to the archive's size, encryption, links, and
names that collide or would leave the folder. Headers may lie, so the bytes are counted again
while they are written. `zipfile.extractall` and `tarfile.extractall` do none of this.
"""

import errno
import re
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from common.errors import StageError
from common.junk import is_junk
from stages.download.archives import tar_members, zip_members
from stages.download.archives.checks import (
    DAMAGE,
    Limits,
    Member,
    require_unique,
    require_within,
    safe_path,
    tells_case_apart,
)

OPENERS = {"zip": zip_members.opened_zip, "tar": tar_members.opened_tar}
PACKED = (".zip", ".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz", ".7z", ".rar")
# Names of the parts of an archive that was cut: photos.zip.001, photos.z01, photos.part2.rar.
PART = re.compile(r"\.(\d{3}|z\d\d|part\d+\.rar|r\d\d)$", re.IGNORECASE)
UNSUPPORTED = {b"7z\xbc\xaf": "a 7-Zip archive", b"Rar!": "a RAR archive"}


@dataclass(frozen=True)
class Unpacked:
    """The result of unpacking an archive.

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


def is_archive(path: Path) -> bool:
    """Whether the file's content is a zip, or a tar that is plain or in gzip, bzip2 or xz."""
    return path.is_file() and _kind(path) is not None


def looks_packed(path: Path) -> bool:
    """Whether a file is an archive by its name, of whatever kind, also a part of one."""
    return path.name.lower().endswith(PACKED) or PART.search(path.name) is not None


def is_whole(path: Path) -> bool:
    """Whether an archive reaches its own end: a tar is decompressed once, a zip is not."""
    try:
        kind = _kind(path)
        if kind == "tar":
            with tar_members.opened_tar(path, None) as members:
                for _ in members:
                    pass
        return kind is not None
    except (*DAMAGE, OSError):
        return False


def unpack(
    archive: Path, folder: Path, max_files: int, max_bytes: int, max_ratio: float
) -> Unpacked:
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
    limits = Limits(archive.name, archive.stat().st_size, max_files, max_bytes, max_ratio)
    kind = _kind(archive)
    if kind is None:
        raise _not_an_archive(archive)
    try:
        return _unpack(kind, archive, folder, limits)
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
    if not start.startswith(zip_members.STARTS) and tar_members.starts_as_tar(path):
        return "tar"
    return "zip" if zipfile.is_zipfile(path) else None


def _unpack(kind: str, archive: Path, folder: Path, limits: Limits) -> Unpacked:
    # Two passes: a tar has no directory, and nothing is written before all of it is checked.
    with OPENERS[kind](archive, limits) as members:
        targets = _plan(members, limits, tells_case_apart(folder))
    total = 0
    skipped = []
    with OPENERS[kind](archive, limits) as members:
        for position, member in enumerate(members):
            if position in targets:
                total += _write(member, folder / targets[position], total, limits)
            elif not member.is_folder:
                skipped.append(member.name)
    return Unpacked(len(targets), total, len(skipped), tuple(skipped))


def _plan(members: Iterable[Member], limits: Limits, exact: bool) -> dict[int, str]:
    """Checks every member's header; returns where the files go, by the member's position.

    Args:
        members: in the archive's order.
        limits: of the caller.
        exact: whether names that differ by case are two files.
    """
    targets: dict[int, str] = {}
    taken: dict[str, tuple[str, str]] = {}
    counts = {"file": 0, "folder": 0, "junk file": 0}
    total = 0
    for position, member in enumerate(members):
        path = safe_path(member, limits.name)
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
        require_unique(path, kind, taken, limits.name, exact)
        if kind == "file":
            total += member.size
            require_within(total, limits)
            targets[position] = path
    return targets


def _write(member: Member, target: Path, before: int, limits: Limits) -> int:
    """Writes one file after `before` bytes of others; returns its size, as counted."""
    target.parent.mkdir(parents=True, exist_ok=True)
    size = 0
    with target.open("xb") as stream, member.open() as source:
        while data := source.read(member.chunk):
            size += len(data)
            require_within(before + size, limits)
            stream.write(data)
    if size != member.size:
        raise EOFError(f"{member.name!r} holds {size} bytes instead of {member.size}")
    return size


def _not_an_archive(archive: Path) -> StageError:
    if part := PART.search(archive.name):
        whole = archive.name[: part.start()]
        return StageError(
            f"{archive.name} is one part of an archive that was cut into several. Expected a whole "
            f"archive. Join the parts (`cat {whole}.* > {whole}`, or 7-Zip's unpack) and set "
            "data.path to the result."
        )
    with archive.open("rb") as stream:
        start = stream.read(8)
    if start.startswith((*zip_members.STARTS, *tar_members.DECOMPRESSORS)):
        return _damaged(archive, "it begins as an archive, but its directory cannot be found")
    formats = (name for magic, name in UNSUPPORTED.items() if start.startswith(magic))
    received = next(formats, f"a file that begins with {start!r}")
    return StageError(
        f"{archive.name} is not an archive that can be unpacked here. Expected .zip, .tar, "
        f".tar.gz, .tar.bz2 or .tar.xz. Received {received}. Pack the images as one of the former."
    )


def _damaged(archive: Path, detail: object) -> StageError:
    return StageError(
        f"{archive.name} is damaged or truncated: {detail or type(detail).__name__}. Expected a "
        "whole archive. Download or copy it again; if that does not help, pack it again."
    )
