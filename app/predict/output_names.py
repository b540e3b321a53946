"""Names of the files and folders that app.predict writes: portable and free of collisions."""

import hashlib
import os
import re
import unicodedata
from collections.abc import Sequence
from pathlib import PurePosixPath

LONGEST = 255  # bytes of a name, on all common file systems
RESERVE = 16  # of them for the dot and the mark of files.atomic_file's temporary name
UNSAFE = re.compile(r'[/\\<>:"|?*\x00-\x1f\x7f]')
RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)  # on Windows
HEAT_SUFFIX = ".heat.jpg"


def folder_names(names: Sequence[str]) -> list[str]:
    """A folder name for each name: the name itself where possible.

    Slashes, characters that other systems forbid and leading dots become `_`; names that are equal
    on a case-insensitive file system get a number.

    Returns:
        As many names, no two alike, none with a path separator or more than LONGEST bytes.
    """
    taken: set[str] = set()
    folders = []
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
        folders.append(candidate)
    return folders


def heat_name(relative: str) -> str:
    """Path of an image's heat map, relative to the folder of heat maps.

    Args:
        relative: POSIX path of the image below the folder that all arguments share.

    Returns:
        `a/x.png.heat.jpg` for `a/x.png`: a different path for every image. A folder whose own name
        ends like a heat map's gets a `_`, so that it never takes the path of a heat map.
    """
    *folders, name = PurePosixPath(relative).parts
    folders = [
        f"{folder}_" if re.search(rf"{re.escape(HEAT_SUFFIX)}_*$", folder, re.S) else folder
        for folder in folders
    ]
    longest = LONGEST - RESERVE - len(HEAT_SUFFIX)
    if len(os.fsencode(name)) > longest:
        mark = hashlib.sha256(os.fsencode(name)).hexdigest()[:16]
        name = _cut(name, f"-{mark}", longest)
    return "/".join([*folders, name + HEAT_SUFFIX])


def copy_names(name: str, sha256: str) -> list[str]:
    """Names for a copy, to be tried in turn: its own, then with 16 and 64 hex of its checksum."""
    stem, suffix = PurePosixPath(name).stem, PurePosixPath(name).suffix
    room = LONGEST - len(os.fsencode(suffix))
    marked = [_cut(stem, f"-{sha256[:length]}", room) + suffix for length in (16, 64)]
    return [name, *marked]


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _cut(name: str, end: str = "", longest: int = LONGEST) -> str:
    """The name, shortened by whole characters until it fits together with the ending."""
    while len(os.fsencode(name)) + len(end) > longest:
        name = name[:-1]
    return name + end
