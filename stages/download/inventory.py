"""Inventory of the files received: how many, how large, in which folders."""

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


def take_inventory(folder: Path) -> Inventory:
    """Counts and measures the files below a folder."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return Inventory(
        len(files),
        sum(file.stat().st_size for file in files),
        Counter(file.parent.relative_to(folder).as_posix() for file in files),
    )


def largest_folders(inventory: Inventory) -> list[tuple[str, int]]:
    """The folders with the most files and their numbers, LARGEST_FOLDERS at most, by name."""
    return sorted(inventory.by_folder.most_common(LARGEST_FOLDERS))
