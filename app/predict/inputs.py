"""Finds the images that files, folders and globs on a command line name, as a stream.

Nothing here grows with the number of images: folders are walked as they are used, the names of
one folder are sorted in pieces of PIECE, and whether a file was named before is worked out from
the arguments, not from a list of all files.
"""

import dataclasses
import fnmatch
import glob
import heapq
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from common.files import as_text
from common.images import ImageError, decode
from common.junk import is_junk

STDIN = "-"
PIECE = 1 << 15  # names of one folder in memory at a time
MAX_BYTES = 512 << 20  # of one file: an image of 100 megapixels without compression has 300 MB
HEAD = 4096  # bytes by which to tell what is no image at all
# Files of these names are expected to be images, so that it is an error where they are none.
# What is an image is judged by content alone.
IMAGE_NAMES = {
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff"),
    *(".avif", ".ppm", ".pgm", ".pbm", ".pnm", ".heic", ".heif", ".jxl", ".jp2", ".svg", ".psd"),
}


@dataclasses.dataclass(frozen=True)
class Found:
    """A file to be asked about.

    Attributes:
        name: as it was named, for people: without what no table can hold.
        place: where it stands, absolute, without links above the file itself; "" for stdin.
        data: its bytes, where it is no file.
    """

    name: str
    place: str
    data: bytes | None = None

    def read(self) -> bytes:
        """Its bytes."""
        return Path(self.place).read_bytes() if self.data is None else self.data


@dataclasses.dataclass(frozen=True)
class Bad:
    """What was named and cannot be answered.

    Attributes:
        name: as in Found.
        reason: one of `common.reasons.REASONS`, or missing, unreadable, no_pictures.
        detail: what exactly is wrong, for people.
    """

    name: str
    reason: str
    detail: str

    @classmethod
    def of(cls, name: str, error: Exception) -> "Bad":
        """The reason of an error that reading or decoding raised."""
        if isinstance(error, ImageError):
            return cls(name, error.reason, error.detail)
        if isinstance(error, FileNotFoundError):
            return cls(name, "missing", "no such file or folder")
        return cls(name, "unreadable", getattr(error, "strerror", None) or str(error))


@dataclasses.dataclass(frozen=True)
class PassedOver:
    """A file of a folder that is no image and is not called like one."""

    name: str


@dataclasses.dataclass(frozen=True)
class Tree:
    """A folder, or the files below it that a glob means.

    Attributes:
        given: the folder as it was named, or that in front of the glob.
        root: the same, absolute and without links.
        pattern: parts of the glob; empty for all of the folder.
    """

    given: str
    root: str
    pattern: tuple[str, ...]


def arguments(words: Iterable[str]) -> list[str | Tree]:
    """Trees for folders and globs; other words as they are. What exists is never a glob."""
    found: list[str | Tree] = []
    for word in words:
        if Path(word).is_dir():
            found.append(Tree(word, os.path.realpath(word), ()))
        elif os.path.lexists(word) or word == STDIN or not glob.has_magic(word):
            found.append(word)
        else:
            parts = Path(word).parts
            first = next(i for i, part in enumerate(parts) if glob.has_magic(part))
            given = str(Path(*parts[:first]))
            found.append(Tree(given, os.path.realpath(given), parts[first:]))
    return found


def place_of(path: str) -> str:
    """Absolute and without links in its folders: two names of one file have one place."""
    named = Path(path)
    return str(Path(os.path.realpath(named.parent), named.name))


def find(given: Iterable[str | Tree]) -> Iterator[Found | Bad | PassedOver]:
    """Yields what the arguments name, each file once, folders in the order of their paths.

    Args:
        given: from `arguments`; STDIN is for the caller to read.
    """
    files: set[str] = set()
    trees: dict[str, list[tuple[str, ...]]] = {}
    for argument in given:
        if isinstance(argument, str):
            place = place_of(argument)
            if not _named(place, files, trees):
                files.add(place)
                yield _look(as_text(argument), place, expected=True)
            continue
        some = False
        for path in walk(argument.root, argument.pattern):
            if isinstance(path, Bad):
                some = True
                yield dataclasses.replace(path, name=as_text(str(Path(argument.given, path.name))))
                continue
            place = str(Path(argument.root, path))
            name = as_text(str(Path(argument.given, path)))
            again = _named(place, files, trees)
            found = None if again else _look(name, place, expected=False)
            some = some or again or isinstance(found, Found | Bad)
            if found is not None:
                yield found
        if not some:
            name = as_text(str(Path(argument.given, *argument.pattern)))
            yield Bad(name, "no_pictures", "no pictures there, hidden files apart")
        trees.setdefault(argument.root, []).append(argument.pattern)


def walk(root: str, pattern: tuple[str, ...] = ()) -> Iterator[str | Bad]:
    """Yields the files below a folder, relative to it, in the order of their POSIX paths.

    Hidden files and folders are left out where the pattern does not name them, and junk always.
    Links to folders are not followed. A folder that cannot be read is a Bad, named like a file.
    """
    levels = [_names(root)]
    above: list[str] = []  # names of the folders that are open, below root
    while levels:
        try:
            name = next(levels[-1], None)
        except OSError as error:
            name = None
            yield Bad.of("/".join(above), error)
        if name is None:
            levels.pop()
            del above[-1:]
            continue
        parts = (*above, name.removesuffix("/"))
        if name.endswith("/"):
            if matches(pattern, parts, partly=True):
                above.append(parts[-1])
                levels.append(_names(str(Path(root, *parts))))
        elif matches(pattern, parts) and not is_junk("/".join(parts)):
            yield "/".join(parts)


def matches(pattern: tuple[str, ...], parts: tuple[str, ...], partly: bool = False) -> bool:
    """Whether a glob means a file, itself or by a folder above it; hidden as in the shell.

    Args:
        pattern: parts of the glob; `**` is any number of folders.
        parts: of the file's path.
        partly: asks of a folder whether such a file may be below it.
    """
    if not pattern:
        return not any(part.startswith(".") for part in parts)
    if not parts:
        return partly
    first, hidden = pattern[0], parts[0].startswith(".")
    if first == "**":
        deeper = not hidden and matches(pattern, parts[1:], partly)
        return deeper or matches(pattern[1:], parts, partly)
    if (hidden and not first.startswith(".")) or not fnmatch.fnmatch(parts[0], first):
        return False
    return matches(pattern[1:], parts[1:], partly)


def _named(place: str, files: set[str], trees: dict[str, list[tuple[str, ...]]]) -> bool:
    """Whether an earlier argument means this file."""
    if place in files:
        return True
    for root in PurePosixPath(place).parents if trees else ():
        for pattern in trees.get(str(root), ()):
            parts = PurePosixPath(place).relative_to(root).parts
            if matches(pattern, parts) and not is_junk("/".join(parts)):
                return True
    return False


def _names(folder: str) -> Iterator[str]:
    """Names in a folder, sorted, folders with a slash: so a-b/ comes before a/, as in paths."""
    last = ""
    while True:
        with os.scandir(folder) as entries:
            names = (e.name + "/" * e.is_dir(follow_symlinks=False) for e in entries)
            piece = heapq.nsmallest(PIECE, (name for name in names if name > last))
        yield from piece
        if len(piece) < PIECE:
            return
        last = piece[-1]


def is_image(path: Path) -> bool:
    """Whether a file begins like an image."""
    with path.open("rb") as stream:
        try:
            decode(stream.read(HEAD), max_pixels=HEAD)
        except ImageError as error:
            return error.reason not in ("not_an_image", "empty")
    return True


def _look(name: str, place: str, expected: bool) -> Found | Bad | PassedOver | None:
    """Judges a file without reading all of it; None for what is no file, in a folder."""
    explicit, expected = expected, expected or Path(place).suffix.lower() in IMAGE_NAMES
    try:
        status = Path(place).stat()
        if not stat.S_ISREG(status.st_mode):
            return Bad(name, "unreadable", "neither a file nor a folder") if explicit else None
        if status.st_size > MAX_BYTES or not expected:
            with Path(place).open("rb") as stream:
                decode(stream.read(HEAD), max_pixels=HEAD)
    except OSError as error:
        return Bad.of(name, error) if expected else None
    except ImageError as error:  # the others are as they must be: this is only the beginning
        if error.reason in ("not_an_image", "empty"):
            return Bad.of(name, error) if expected else PassedOver(name)
    if status.st_size > MAX_BYTES:
        return Bad(name, "too_large", f"{status.st_size} bytes, limit {MAX_BYTES} bytes")
    return Found(name, place)
