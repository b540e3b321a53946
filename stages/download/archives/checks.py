"""Safety checks of an archive's members, shared by all formats: names, collisions, sizes."""

import lzma
import re
import tarfile
import tempfile
import unicodedata
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from common.errors import StageError
from common.files import as_text

CHUNK = 1 << 20
# Below this size no ratio is suspicious: a folder of blank test images shrinks 1000-fold.
RATIO_FLOOR = 10 * 1000 * 1000
LINK_OR_DEVICE = "is a link or a device. Expected files and folders alone."

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
class Member:
    """One entry as its header describes it.

    Attributes:
        name: as the archive has it.
        size: bytes of the content.
        is_folder: a folder, else a file.
        refusal: why it must not be unpacked, or None.
        open: starts reading the content.
        chunk: bytes of the content to read at once.
    """

    name: str
    size: int
    is_folder: bool
    refusal: str | None
    open: Callable[[], BinaryIO]
    chunk: int = CHUNK


@dataclass(frozen=True)
class Limits:
    """The caller's limits, and the archive that they are for."""

    name: str
    packed: int  # bytes of the archive on disk, which no header can forge
    files: int
    bytes: int
    ratio: float


def safe_path(member: Member, archive: str) -> str:
    """The member's path below the folder, '' for the folder itself; raises if it leaves it."""
    name = member.name
    path = "/".join(step for step in name.split("/") if step not in ("", "."))
    fault = None
    if name.startswith("/"):
        fault = "is an absolute path"
    elif "\\" in name:
        fault = "has a backslash, which divides folders on one system and not on another"
    elif re.match(r"[A-Za-z]:", path):
        fault = "begins with a drive letter"
    elif ".." in path.split("/"):
        fault = "climbs out of its folder with '..'"
    elif "\0" in name:
        fault = "has a null character"
    elif not path and not member.is_folder:
        fault = "is a file without a name"
    if fault:
        raise StageError(
            f"{archive}: {name!r} {fault}. Expected relative paths with '/' between folders. "
            "Pack the images again that way."
        )
    return as_text(path)


def tells_case_apart(folder: Path) -> bool:
    """Whether a folder's file system keeps names apart that differ by case or by how accents are
    written; those of macOS and Windows do not.
    """
    with tempfile.TemporaryDirectory(dir=folder) as probe:
        for name in ("a", "A", "\u00e9", "e\u0301"):
            Path(probe, name).touch()
        return len(list(Path(probe).iterdir())) == 4


def require_unique(
    path: str, kind: str, taken: dict[str, tuple[str, str]], archive: str, exact: bool
) -> None:
    """Raises if two entries are one file where the archive is unpacked.

    Args:
        path: the entry's path; its parents count as folders.
        kind: "file" or "folder".
        taken: the entries before it, comparable path -> (path, kind); extended here.
        archive: for the message.
        exact: of `tells_case_apart`.
    """
    parents = [parent.as_posix() for parent in reversed(PurePosixPath(path).parents)][1:]
    for entry in [(parent, "folder") for parent in parents] + [(path, kind)]:
        key = entry[0] if exact else _without_case(entry[0])
        earlier = taken.setdefault(key, entry)
        if earlier is entry or earlier == entry == (entry[0], "folder"):
            continue
        if earlier == entry:
            fault = f"holds {entry[0]!r} twice"
        elif earlier[0] == entry[0]:
            fault = f"holds {entry[0]!r} both as a file and as a folder"
        else:
            fault = f"holds {earlier[0]!r} and {entry[0]!r}, one name on this file system"
        raise StageError(
            f"{archive} {fault}: one would overwrite the other. Rename one of them and pack "
            "the archive again."
        )


def _without_case(path: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())


def require_within(total: int, limits: Limits) -> None:
    """Raises if `total` unpacked bytes are too many, by themselves or for the archive's size."""
    if total > limits.bytes:
        raise StageError(
            f"{limits.name} unpacks to more than {limits.bytes} bytes, the limit max_bytes. "
            "Raise the limit if the archive is to be trusted and the disk has the room."
        )
    if total >= RATIO_FLOOR and total > limits.ratio * limits.packed:
        raise StageError(
            f"{limits.name} unpacks to more than {limits.ratio:g} times its {limits.packed} "
            "bytes, the limit max_ratio. Images hardly shrink, so this looks like a "
            "decompression bomb. Raise the limit if the archive is to be trusted."
        )
