"""Names of the files and folders that app.predict writes: safe, and no two the same."""

import hashlib
import os
import re
import unicodedata
from collections.abc import Sequence
from pathlib import PurePosixPath

LONGEST = 255  # bytes of a name, on all common file systems
BESIDE = 16  # of them for the dot and the mark of files.atomic_file's temporary name
UNSAFE = re.compile(r'[/\\<>:"|?*\x00-\x1f\x7f]')
RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)  # on Windows
HEAT_SUFFIX = ".heat.jpg"


def folder_names(names: Sequence[str]) -> list[str]:
    """A folder name for each name: the name itself where it can be one.

    Slashes and what other systems do not allow become `_`, and so do leading dots; names that a
    file system without upper and lower case takes for one get a number.

    Returns:
        As many names, no two alike, none with a path separator or more than LONGEST bytes.
    """
    taken: set[str] = set()
    found = []
    for name in names:
        safe = _cut(UNSAFE.sub("_", unicodedata.normalize("NFC", name)).strip(" "))
        safe = re.sub(r"^\.+", "_", re.sub(r"[. ]+$", "", safe)) or "_"
        if RESERVED.fullmatch(safe):
            safe = f"_{safe}"
        number, candidate = 1, safe
        while _folded(candidate) in taken:
            number += 1
            candidate = _cut(safe, f"-{number}")
        taken.add(_folded(candidate))
        found.append(candidate)
    return found


def heat_name(relative: str) -> str:
    """Where the heat map of an image goes, relative to the folder of heat maps.

    Args:
        relative: POSIX path of the image below the folder that all arguments share.

    Returns:
        `a/x.png.heat.jpg` for `a/x.png`: another path for every image. A folder that is itself
        called like a heat map gets a `_`, so that none stands where a file has to go.
    """
    *folders, name = PurePosixPath(relative).parts
    folders = [
        f"{each}_" if re.search(rf"{re.escape(HEAT_SUFFIX)}_*$", each, re.S) else each
        for each in folders
    ]
    longest = LONGEST - BESIDE - len(HEAT_SUFFIX)
    if len(os.fsencode(name)) > longest:
        mark = hashlib.sha256(os.fsencode(name)).hexdigest()[:16]
        name = _cut(name, f"-{mark}", longest)
    return "/".join([*folders, name + HEAT_SUFFIX])


def copy_names(name: str, sha256: str) -> list[str]:
    """Names for a copy, to be tried in turn: its own, then with more and more of its checksum."""
    stem, suffix = PurePosixPath(name).stem, PurePosixPath(name).suffix
    room = LONGEST - len(os.fsencode(suffix))
    marked = [_cut(stem, f"-{sha256[:length]}", room) + suffix for length in (16, 64)]
    return [name, *marked]


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _cut(name: str, end: str = "", longest: int = LONGEST) -> str:
    """The name with an ending, cut in front of it so that all fits; whole characters."""
    while len(os.fsencode(name)) + len(end) > longest:
        name = name[:-1]
    return name + end
