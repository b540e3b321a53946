"""Inventory of the files received: how many, how large, in which folders."""

import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

LARGEST_FOLDERS = 30  # drawn


@dataclass(frozen=True)
class Inventory:
    """The files below a folder.

    Attributes:
        files: their number.
        bytes: their total size.
        by_folder: number of files that lie in each folder itself, by its POSIX path; "." is the
            outermost.
    """

    files: int
    bytes: int
    by_folder: Counter


def files_below(folder: Path) -> list[Path]:
    """All files below a folder, sorted; links are followed, each folder once."""
    visited, files = set(), []
    for parent, subfolders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(parent)
        if real in visited:  # a link that leads back up
            subfolders.clear()
            continue
        visited.add(real)
        subfolders.sort()
        files += [Path(parent) / name for name in names]
    return sorted(files)


def take_inventory(folder: Path) -> Inventory:
    """Counts and measures the files below a folder."""
    files = files_below(folder)
    return Inventory(
        len(files),
        sum(file.stat().st_size for file in files),
        Counter(file.parent.relative_to(folder).as_posix() for file in files),
    )


def largest_folders(inventory: Inventory) -> list[tuple[str, int]]:
    """The folders with the most files and their numbers, LARGEST_FOLDERS at most, by name."""
    return sorted(inventory.by_folder.most_common(LARGEST_FOLDERS))
