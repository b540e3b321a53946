"""Junk files: what operating systems and git leave behind in an image set."""

from pathlib import PurePosixPath

JUNK_FOLDERS = {"__macosx"}
JUNK_FILES = {".ds_store", "thumbs.db", "desktop.ini", ".gitkeep", ".gitignore"}


def is_junk(relative_posix_path: str) -> bool:
    """Whether a path is a file that nobody put into an image set on purpose.

    That is everything in a `__MACOSX` folder, and in any folder `.DS_Store`, `Thumbs.db`,
    `desktop.ini`, `.gitkeep` and `.gitignore` (in any case) and macOS's resource forks,
    `._cat.jpg` beside `cat.jpg`.
    """
    parts = PurePosixPath(relative_posix_path.casefold()).parts
    return bool(parts) and (
        parts[-1] in JUNK_FILES or parts[-1].startswith("._") or not JUNK_FOLDERS.isdisjoint(parts)
    )
