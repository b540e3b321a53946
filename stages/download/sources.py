"""Sources of images: the function that brings the files of each `data.source` into a folder."""

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from common import cli
from common.errors import StageError, quote_names
from common.files import as_text, sha256_of
from common.schema import Data
from stages.download.archives.unpack import is_archive, looks_packed, unpack
from stages.download.drive.fetch import fetch_shared
from stages.download.sample.write import write_sample
from stages.download.walk import Walk, walk

# (folder to fill, --source, section `data`, clean.missing_classes, seed) -> numbers of the metrics
# that it alone knows: `junk`, files left out, `links` and `sha256` of an archive.
Fetcher = Callable[[Path, Path, Data, str, int], dict]


def fetch_sample(folder: Path, _source: Path, _data: Data, _if_missing: str, seed: int) -> dict:
    """Draws the built-in sample; the same seed gives the same bytes."""
    write_sample(folder, seed, lambda items: cli.progress(items, "drawing"))
    return {"junk": 0}


def fetch_path(folder: Path, source: Path, data: Data, if_missing: str, _seed: int) -> dict:
    """Copies a folder, or unpacks an archive (also the only file of a folder).

    Raises:
        StageError: nothing is there, or an archive that is refused.
    """
    if not source.exists():
        raise StageError(
            f"Expected a folder or an archive at data.path. Received: {source}, which does not "
            "exist. Put the images there, or set data.path to where they are."
        )
    if not source.is_dir():
        return _unpack_checked(source, folder, data)
    found = walk(source)
    files = [source / path for path in found.files]
    if not files:
        raise StageError(
            f"Expected images in class folders below {source}. Received: no files. Put one "
            "folder per class there, e.g. cat/1.jpg and dog/1.jpg, or set data.path."
        )
    _tell(found, if_missing)
    if len(files) == 1 and is_archive(files[0]):
        return _unpack_checked(files[0], folder, data)
    if data.sha256 is not None:
        raise StageError(
            f"Expected an archive, because data.sha256 is given. Received: the folder "
            f"{source}. Set data.sha256 to null, or data.path to the archive."
        )
    for file in cli.progress(files, "copying", unit="file"):
        target = folder / as_text(file.relative_to(source).as_posix())
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)
    return {"junk": found.junk, "links": len(found.repeated)}


def fetch_gdrive(folder: Path, _source: Path, data: Data, if_missing: str, seed: int) -> dict:
    """Downloads a file of Google Drive and unpacks it, or a folder of Google Drive as it is."""
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".drive-") as temporary:
        received = fetch_shared(data.gdrive_id, Path(temporary), data.sha256)
        return fetch_path(folder, received, data, if_missing, seed)


# The keys are those of common/sources.py, which names each source for people.
FETCHERS: dict[str, Fetcher] = {
    "sample": fetch_sample,
    "path": fetch_path,
    "gdrive": fetch_gdrive,
}


def _tell(found: Walk, if_missing: str) -> None:
    """Warns of what is left out of a folder; raises where a class may be empty."""
    for paths, what in (
        (found.repeated, "link(s) to what is in the source under its real name"),
        (found.dangling, "link(s) that lead nowhere"),
        (found.special, "pipe(s), socket(s) or device(s)"),
    ):
        if paths:
            cli.warn("download", f"{len(paths):,} {what} left out: {quote_names(paths)}")
    if not found.empty:
        return
    empty = f"{len(found.empty):,} empty folder(s) beside others: {quote_names(found.empty)}"
    if if_missing == "error":
        raise StageError(
            f"Expected images in every class folder. Received {empty}. Remove them, put images "
            "there, or set clean.missing_classes to drop."
        )
    cli.warn("download", f"{empty}; they are no classes")


def _unpack_checked(archive: Path, folder: Path, data: Data) -> dict:
    """Compares an archive's sha256 where one is expected, and unpacks it within the limits."""
    checksum = sha256_of(archive)
    if data.sha256 is not None and checksum != data.sha256.lower():
        raise StageError(
            f"Expected data.sha256 {data.sha256.lower()}. Received: {archive.name} with "
            f"{checksum}. The archive is another one or was changed: get it again, or correct "
            "data.sha256."
        )
    max_bytes = int(data.max_gigabytes * 1e9)
    unpacked = unpack(archive, folder, data.max_files, max_bytes, data.max_ratio)
    _refuse_nested(archive, folder)
    return {"junk": unpacked.junk, "sha256": checksum}


def _refuse_nested(archive: Path, folder: Path) -> None:
    """Raises where an archive holds archives only, and warns where some stand among its files."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    inner = sorted(path.relative_to(folder).as_posix() for path in files if looks_packed(path))
    if not inner:
        return
    if len(inner) == len(files):
        raise StageError(
            f"Expected pictures in {archive.name}. Received archives alone: {quote_names(inner)}. "
            "Unpack it, and set data.path to the inner archive or to the folder of what is in them."
        )
    cli.warn(
        "download",
        f"{len(inner):,} archive(s) in {archive.name} stay packed: {quote_names(inner)}",
    )
