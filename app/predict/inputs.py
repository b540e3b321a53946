"""Inputs of app.predict: a stream of the images that files, folders and globs name.

Memory does not grow with the number of images: folders are walked lazily, the names of one folder
are sorted in pieces of PIECE, and whether an earlier argument names the same file follows from the
arguments, not from a list of all files.
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
from common.junk import is_leftover

STDIN = "-"
PIECE = 1 << 15  # names of one folder in memory at a time
MAX_BYTES = 512 << 20  # of one file: an image of 100 megapixels without compression has 300 MB
HEAD = 4096  # bytes that show whether a file is an image at all
# Files with these suffixes are expected to be images: an error where they are not. Whether a file
# is an image depends on its content alone.
IMAGE_SUFFIXES = {
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff"),
    *(".avif", ".ppm", ".pgm", ".pbm", ".pnm", ".heic", ".heif", ".jxl", ".jp2", ".svg", ".psd"),
}


@dataclasses.dataclass(frozen=True)
class ImageInput:
    """An image to be predicted.

    Attributes:
        name: path as given on the command line, as text that a table can hold.
        location: absolute path, without links above the file itself; "" for stdin.
        data: the bytes of an image that is not a file.
    """

    name: str
    location: str
    data: bytes | None = None

    def read(self) -> bytes:
        """The image's bytes."""
        return Path(self.location).read_bytes() if self.data is None else self.data


@dataclasses.dataclass(frozen=True)
class Unusable:
    """An input that cannot be predicted.

    Attributes:
        name: as in ImageInput.
        reason: one of `common.reasons.REASONS`, or missing, unreadable, no_pictures.
        detail: what exactly is wrong, for people.
    """

    name: str
    reason: str
    detail: str

    @classmethod
    def of(cls, name: str, error: Exception) -> "Unusable":
        """From an exception that reading or decoding raised."""
        if isinstance(error, ImageError):
            return cls(name, error.reason, error.detail)
        if isinstance(error, FileNotFoundError):
            return cls(name, "missing", "no such file or folder")
        return cls(name, "unreadable", getattr(error, "strerror", None) or str(error))


@dataclasses.dataclass(frozen=True)
class Skipped:
    """A file in a folder that is not an image and has no suffix of one."""

    name: str


@dataclasses.dataclass(frozen=True)
class Tree:
    """A folder, or the files below it that match a glob.

    Attributes:
        given: the folder as given on the command line, or the one in front of the glob.
        root: the same, absolute and without links.
        pattern: parts of the glob; empty for the whole folder.
    """

    given: str
    root: str
    pattern: tuple[str, ...]


def parse_inputs(words: Iterable[str]) -> list[str | Tree]:
    """Trees for folders and globs; other words unchanged. An existing path is never a glob."""
    inputs: list[str | Tree] = []
    for word in words:
        if Path(word).is_dir():
            inputs.append(Tree(word, os.path.realpath(word), ()))
        elif os.path.lexists(word) or word == STDIN or not glob.has_magic(word):
            inputs.append(word)
        else:
            parts = Path(word).parts
            first = next(i for i, part in enumerate(parts) if glob.has_magic(part))
            folder = str(Path(*parts[:first]))
            inputs.append(Tree(folder, os.path.realpath(folder), parts[first:]))
    return inputs


def absolute_path(path: str) -> str:
    """Absolute path without links in its folders: the same for all names of one file."""
    return str(Path(os.path.realpath(Path(path).parent), Path(path).name))


def find_images(inputs: Iterable[str | Tree]) -> Iterator[ImageInput | Unusable | Skipped]:
    """Yields the images that the arguments name, each once, those of folders sorted by path.

    Args:
        inputs: from `parse_inputs`, without STDIN.
    """
    files: set[str] = set()
    trees: dict[str, list[tuple[str, ...]]] = {}
    for argument in inputs:
        if isinstance(argument, str):
            location = absolute_path(argument)
            if not _is_named(location, files, trees):
                files.add(location)
                yield _inspect(as_text(argument), location, explicit=True)
            continue
        empty = True
        for path in walk(argument.root, argument.pattern):
            if isinstance(path, Unusable):
                empty = False
                yield dataclasses.replace(path, name=as_text(str(Path(argument.given, path.name))))
                continue
            location = str(Path(argument.root, path))
            name = as_text(str(Path(argument.given, path)))
            repeated = _is_named(location, files, trees)
            item = None if repeated else _inspect(name, location, explicit=False)
            empty = empty and not repeated and not isinstance(item, ImageInput | Unusable)
            if item is not None:
                yield item
        if empty:
            name = as_text(str(Path(argument.given, *argument.pattern)))
            yield Unusable(name, "no_pictures", "no images there, except for hidden files")
        trees.setdefault(argument.root, []).append(argument.pattern)


def walk(root: str, pattern: tuple[str, ...] = ()) -> Iterator[str | Unusable]:
    """Yields the files below a folder, relative to it, in the order of their POSIX paths.

    Hidden files and folders are skipped unless the pattern names them; junk is always skipped.
    Links to folders are not followed. A folder that cannot be read is yielded as Unusable.
    """
    levels = [_names(root)]
    above: list[str] = []  # names of the open folders below root
    while levels:
        try:
            name = next(levels[-1], None)
        except OSError as error:
            name = None
            yield Unusable.of("/".join(above), error)
        if name is None:
            levels.pop()
            del above[-1:]
            continue
        parts = (*above, name.removesuffix("/"))
        if name.endswith("/"):
            if matches(pattern, parts, partly=True):
                above.append(parts[-1])
                levels.append(_names(str(Path(root, *parts))))
        elif matches(pattern, parts) and not is_leftover("/".join(parts)):
            yield "/".join(parts)


def matches(pattern: tuple[str, ...], parts: tuple[str, ...], partly: bool = False) -> bool:
    """Whether a glob matches a file or a folder above it; hidden files as in the shell.

    Args:
        pattern: parts of the glob; `**` is any number of folders.
        parts: of the path.
        partly: whether the path is a folder, and the question is if a match may be below it.
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


def _is_named(location: str, files: set[str], trees: dict[str, list[tuple[str, ...]]]) -> bool:
    """Whether an earlier argument names or matches this file."""
    if location in files:
        return True
    for root in PurePosixPath(location).parents if trees else ():
        for pattern in trees.get(str(root), ()):
            parts = PurePosixPath(location).relative_to(root).parts
            if matches(pattern, parts) and not is_leftover("/".join(parts)):
                return True
    return False


def _names(folder: str) -> Iterator[str]:
    """Sorted names in a folder; folders end with a slash, so that a-b/ is before a/ as in paths."""
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
    return _refusal(path) is None


def _refusal(path: Path) -> ImageError | None:
    """The error that shows by a file's first bytes that it is not an image; None otherwise."""
    with path.open("rb") as stream:
        try:
            decode(stream.read(HEAD), max_pixels=HEAD)
        except ImageError as error:  # other reasons come of reading only the beginning
            return error if error.reason in ("not_an_image", "empty") else None
    return None


def _inspect(name: str, location: str, explicit: bool) -> ImageInput | Unusable | Skipped | None:
    """Classifies a file without reading all of it.

    Args:
        name: for people.
        location: absolute path.
        explicit: whether the command line names the file itself, not a folder above it.

    Returns:
        None for anything in a folder that is not a file.
    """
    path = Path(location)
    expected = explicit or path.suffix.lower() in IMAGE_SUFFIXES
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            return Unusable(name, "unreadable", "neither a file nor a folder") if explicit else None
        refusal = _refusal(path) if status.st_size > MAX_BYTES or not expected else None
    except OSError as error:
        return Unusable.of(name, error) if expected else None
    if refusal:
        return Unusable.of(name, refusal) if expected else Skipped(name)
    if status.st_size > MAX_BYTES:
        return Unusable(name, "too_large", f"{status.st_size} bytes, limit {MAX_BYTES} bytes")
    return ImageInput(name, location)
