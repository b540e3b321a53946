"""Sources of images: the function that brings the files of each `data.source` into a folder."""

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from common import cli
from common.errors import StageError
from common.files import as_text, sha256_of
from common.junk import is_junk
from common.schema import Data
from stages.download.archives.unpack import is_archive, unpack
from stages.download.drive.fetch import fetch_shared
from stages.download.inventory import files_below
from stages.download.sample.write import write_sample

# (folder to fill, --source, section `data`, seed) -> numbers of the metrics that it alone knows:
# `junk`, files left out, and `sha256` of an archive.
Fetcher = Callable[[Path, Path, Data, int], dict]


def fetch_sample(folder: Path, _source: Path, _data: Data, seed: int) -> dict:
    """Draws the built-in sample; the same seed gives the same bytes."""
    write_sample(folder, seed, lambda items: cli.progress(items, "drawing"))
    return {"junk": 0}


def fetch_path(folder: Path, source: Path, data: Data, _seed: int) -> dict:
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
    all_files = files_below(source)
    files = [file for file in all_files if not is_junk(file.relative_to(source).as_posix())]
    if not files:
        raise StageError(
            f"Expected images in class folders below {source}. Received: no files. Put one "
            "folder per class there, e.g. cat/1.jpg and dog/1.jpg, or set data.path."
        )
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
    return {"junk": len(all_files) - len(files)}


def fetch_gdrive(folder: Path, _source: Path, data: Data, seed: int) -> dict:
    """Downloads a file of Google Drive and unpacks it, or a folder of Google Drive as it is."""
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".drive-") as temporary:
        received = fetch_shared(data.gdrive_id, Path(temporary), data.sha256)
        return fetch_path(folder, received, data, seed)


# The keys are those of common/sources.py, which names each source for people.
FETCHERS: dict[str, Fetcher] = {
    "sample": fetch_sample,
    "path": fetch_path,
    "gdrive": fetch_gdrive,
}


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
    return {"junk": unpacked.junk, "sha256": checksum}
