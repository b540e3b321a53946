"""Junk files: what systems, editors and tools leave beside the pictures of an image set."""

from pathlib import PurePosixPath

# Besides hidden ones, whose names begin with a dot: `.git`, `.ipynb_checkpoints`, `.thumbnails`.
JUNK_FOLDERS = {
    "__macosx",  # zips of macOS
    "__pycache__",
    "node_modules",
    "@eadir",  # thumbnails of Synology
    "#recycle",
    "#snapshot",
    "$recycle.bin",
    "recycler",
    "system volume information",
    "lost+found",
    "lost.dir",
}
JUNK_FILES = {
    ".ds_store",
    ".gitkeep",
    ".gitignore",
    "thumbs.db",
    "ehthumbs.db",
    "ehthumbs_vista.db",
    "desktop.ini",
    "picasa.ini",
    "icon\r",
}
# Extensions of pictures, which are whole names of pictures without a name.
NAMELESS = {"jpg", "jpeg", "png", "gif", "bmp", "webp", "tif", "tiff", "avif", "ppm"}


def is_junk(relative_posix_path: str) -> bool:
    """Whether a path is a file that nobody put into an image set on purpose.

    That is every hidden file and all files in hidden folders, and what `is_leftover` says. Tools
    keep copies of pictures there, which would stand against their originals as copies under
    another label. A file whose whole name is an extension, `.jpg`, is a picture without a name and
    no junk.
    """
    *folders, name = PurePosixPath(relative_posix_path.casefold()).parts or ("",)
    hidden = name.startswith(".") and name[1:] not in NAMELESS
    return (
        hidden
        or any(folder.startswith(".") for folder in folders)
        or is_leftover(relative_posix_path)
    )


def is_leftover(relative_posix_path: str) -> bool:
    """Whether a path is junk even where hidden files are asked for, such as `._cat.jpg`.

    That is everything in JUNK_FOLDERS, and in any folder JUNK_FILES and macOS's resource forks,
    `._cat.jpg` beside `cat.jpg`; in any case.
    """
    *folders, name = PurePosixPath(relative_posix_path.casefold()).parts or ("",)
    return name in JUNK_FILES or name.startswith("._") or not JUNK_FOLDERS.isdisjoint(folders)
