"""The files of a folder that is to be copied: each once, links followed once, nothing unread."""

import os
import posixpath
import stat
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from common.errors import StageError
from common.junk import is_junk


class Walk(NamedTuple):
    """What a folder holds; every path is POSIX and relative to it, every list sorted.

    Attributes:
        files: files to take: regular ones under their real names, and links to what lies elsewhere.
        junk: number of files that `is_junk` names.
        repeated: links to files and folders that are in `files` under their real names, or that
            an earlier link leads to.
        dangling: links to nothing.
        special: pipes, sockets and devices, from which no picture can be read.
        empty: folders without a file beside folders with files, whose name has none elsewhere.
    """

    files: list[str]
    junk: int
    repeated: list[str]
    dangling: list[str]
    special: list[str]
    empty: list[str]


def walk(folder: Path) -> Walk:
    """Lists a folder and all below it.

    Real names go before links: `wolf/` and a link `canis_lupus -> wolf` beside it are one folder,
    `wolf`, in whatever order they come.

    Raises:
        StageError: a folder that cannot be read.
    """
    found = _Found(folder)
    found.enter("", os.path.realpath(folder))
    while found.links:  # a linked folder may hold links again
        links, found.links = sorted(found.links), []
        for path in links:
            found.follow(path)
    files = sorted(path for path in found.files if not is_junk(path))
    return Walk(
        files,
        len(found.files) - len(files),
        sorted(found.repeated),
        sorted(path for path in found.dangling if not is_junk(path)),
        sorted(path for path in found.special if not is_junk(path)),
        _empty(found.folders, files),
    )


class _Found:
    """What was met so far."""

    def __init__(self, root: Path):
        self.root, self.real_root = root, os.path.realpath(root)
        self.files: list[str] = []
        self.folders: list[str] = []
        self.links: list[str] = []
        self.repeated: list[str] = []
        self.dangling: list[str] = []
        self.special: list[str] = []
        self._real_folders: set[str] = set()

    def enter(self, path: str, real: str) -> None:
        """Takes in a real folder, its name in the source being `path`."""
        pending = [(path, real)]
        while pending:
            path, real = pending.pop()
            if real in self._real_folders:  # an earlier link led there
                self.repeated.append(path)
                continue
            self._real_folders.add(real)
            if path:
                self.folders.append(path)
            for entry in _entries(real, path):
                name = f"{path}/{entry.name}" if path else entry.name
                if entry.is_symlink():
                    self.links.append(name)
                elif entry.is_dir(follow_symlinks=False):
                    pending.append((name, entry.path))
                elif entry.is_file(follow_symlinks=False):
                    self.files.append(name)
                else:
                    self.special.append(name)

    def follow(self, path: str) -> None:
        """Takes in what a link leads to, unless it is there already."""
        real = os.path.realpath(self.root / path)
        try:
            mode = Path(real).stat().st_mode
        except OSError:  # nothing there, or a link to itself
            self.dangling.append(path)
            return
        if stat.S_ISDIR(mode):
            above = os.path.commonpath([real, self.real_root]) == real
            if above:
                self.repeated.append(path)
            else:
                self.enter(path, real)
        elif not stat.S_ISREG(mode):
            self.special.append(path)
        elif str(Path(real).parent) in self._real_folders:
            self.repeated.append(path)
        else:
            self.files.append(path)


def _entries(real: str, path: str) -> Iterator[os.DirEntry]:
    try:
        with os.scandir(real) as entries:
            yield from entries
    except OSError as error:
        raise StageError(
            f"Expected to read every folder of the source. Received for {path or real}: "
            f"{error.strerror}. Give yourself the right to read it (chmod -R u+rX), or move it "
            "away."
        ) from None


def _empty(folders: list[str], files: list[str]) -> list[str]:
    """Folders that hold nothing, where folders beside them hold files themselves."""
    holding = Counter(posixpath.dirname(path) for path in files)
    names = {posixpath.basename(folder) for folder in holding}
    parents = {posixpath.dirname(folder) for folder in holding if folder}
    inner = {posixpath.dirname(folder) for folder in folders}
    return sorted(
        folder
        for folder in folders
        if folder not in holding
        and folder not in inner
        and posixpath.dirname(folder) in parents
        and posixpath.basename(folder) not in names
        and not is_junk(f"{folder}/file")
    )
