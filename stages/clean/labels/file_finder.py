"""Search for the file that a cell of a label table names, by its whole path or a part of it."""

import bisect
import posixpath
import re
import unicodedata
from collections import defaultdict
from functools import cached_property

from PIL import Image


class FileFinder:
    """Index of the source's files that looks up cells of label tables.

    Attributes:
        tops: "" and the folders that stand alone around everything, from the outside in.
    """

    def __init__(self, paths: list[str]):
        """Takes POSIX paths relative to the source, label tables left out."""
        self._paths = sorted(paths)
        self._folders = {"": ""}  # as compared -> as it is
        for folder in sorted({posixpath.dirname(path) for path in self._paths}):
            while _key(folder) not in self._folders:
                self._folders[_key(folder)] = folder
                folder = posixpath.dirname(folder)
        self.tops = top_folders(self._paths)

    def first(self, count: int) -> list[str]:
        """A few of the files, for messages."""
        return self._paths[:count]

    def home(self, table: str) -> str | None:
        """The folder that a table is about by its name: `cat` for cat.csv and cat/cat.csv."""
        folder, file = posixpath.split(_key(table))
        stem = posixpath.splitext(file)[0]
        if posixpath.basename(folder) == stem and folder in self._folders:
            return self._folders[folder]
        return self._folders.get(posixpath.join(folder, stem))

    def find(self, cell: str, label: str, table: str, home: str | None) -> list[str]:
        """Files that a cell may mean: one, none, or several where it is ambiguous.

        The cell is a path, with or without the extension, relative to the folder `home`, to the
        table's folder or to one around that, or to the class folder; or just the end of a path,
        such as a bare file name. Whole names go before names without extension, and the
        order above decides where several would do; ends of paths are looked for in `home` alone
        where there is one, and first in folders called like the label.
        """
        cell = _key(re.sub(r"^(\.?/)+", "", cell.strip().replace("\\", "/")))
        bases = [posixpath.dirname(table)]
        while bases[-1]:
            bases.append(posixpath.dirname(bases[-1]))
        bases = dict.fromkeys([*([] if home is None else [home]), *bases, *self.tops])
        for index in (self._whole, self._without_extension):
            for base in bases:
                path = posixpath.normpath(posixpath.join(_key(base), cell))
                if files := index.at(path):
                    return files
            for end in (f"{_key(label)}/{cell}", cell):
                files = index.ending(end)
                if home is not None:
                    files = [path for path in files if path.startswith(f"{home}/")]
                if files:
                    return files
        return []

    @cached_property
    def _whole(self) -> "_Index":
        return _Index({path: path for path in self._paths})

    @cached_property
    def _without_extension(self) -> "_Index":
        # Images only: 1.xml beside 1.jpg does not make `1` ambiguous.
        suffixes = Image.registered_extensions()
        stems = {path: posixpath.splitext(path) for path in self._paths}
        return _Index({p: stem for p, (stem, end) in stems.items() if end.lower() in suffixes})


class _Index:
    """Files by their whole name and, through sorted reversed names, by the end of it."""

    def __init__(self, names: dict[str, str]):
        self._at = defaultdict(list)
        for path, name in names.items():
            self._at[_key(name)].append(path)
        self._reversed = sorted((_backwards(name), name) for name in self._at)

    def at(self, name: str) -> list[str]:
        return self._at.get(name, [])

    def ending(self, end: str) -> list[str]:
        start = _backwards(end)
        low = bisect.bisect_left(self._reversed, (start,))
        high = bisect.bisect_left(self._reversed, (start + chr(0x10FFFF),))
        return [path for _, name in self._reversed[low:high] for path in self._at[name]]


def top_folders(paths: list[str]) -> list[str]:
    """The source, "", and the folders that hold all its other folders, from the outside in."""
    tops = [""]
    folders = {posixpath.dirname(path) for path in paths} - {""}
    while folders:
        first = {folder.split("/")[len(tops) - 1] for folder in folders}
        if len(first) != 1:
            break
        tops.append(posixpath.join(tops[-1], first.pop()))
        folders -= {tops[-1]}
    return tops


def _backwards(name: str) -> str:
    return "/".join(reversed(name.split("/"))) + "/"


def _key(name: str) -> str:
    """A name as it is compared: macOS writes accents apart, other systems in one."""
    return unicodedata.normalize("NFC", name)
