"""Brings the source into data/raw: the built-in sample, a folder, an archive or Google Drive.

Reads:  --source, the folder or archive of `data.path` (only for data.source: path)
Writes: --out, the files exactly as given, junk left out; --metrics; --plot
Params: seed, data
"""

import os
import shutil
import tempfile
from collections import Counter
from pathlib import Path, PurePosixPath

from common import cli
from common.errors import StageError
from common.files import as_text, atomic_folder, sha256_of, write_json
from common.junk import is_junk
from common.params import read_params
from common.plots import bars
from common.schema import Data
from stages.download.archives import unpack as archives
from stages.download.drive import fetch
from stages.download.sample import write


def files_below(folder: Path) -> list[Path]:
    """All files below a folder, sorted; links are followed, each folder once."""
    seen, found = set(), []
    for parent, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(parent)
        if real in seen:  # a link that leads back up
            folders.clear()
            continue
        seen.add(real)
        folders.sort()
        found += [Path(parent) / name for name in names]
    return sorted(found)


def fetch_path(source: Path, data: Data, out: Path) -> dict:
    """Copies a folder, or unpacks an archive (also the only file of a folder), into `out`."""
    if not source.exists():
        raise StageError(
            f"Expected a folder or an archive at data.path. Received: {source}, which does not "
            "exist. Put the pictures there, or set data.path to where they are."
        )
    if source.is_dir():
        everything = files_below(source)
        files = [f for f in everything if not is_junk(f.relative_to(source).as_posix())]
        if not files:
            raise StageError(
                f"Expected pictures in class folders below {source}. Received: no files. Put one "
                "folder per class there, e.g. cat/1.jpg and dog/1.jpg, or set data.path."
            )
        if len(files) > 1 or not archives.is_archive(files[0]):
            if data.sha256 is not None:
                raise StageError(
                    f"Expected an archive, because data.sha256 is given. Received: the folder "
                    f"{source}. Set data.sha256 to null, or data.path to the archive."
                )
            for file in cli.progress(files, "copying", unit="file"):
                target = out / as_text(file.relative_to(source).as_posix())
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, target)
            return {"junk": len(everything) - len(files)}
        source = files[0]
    return unpack(source, data, out)


def fetch_drive(data: Data, out: Path) -> dict:
    """Downloads a Drive file and unpacks it, or a Drive folder as it is, into `out`."""
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".drive-") as temporary:
        received = fetch.download(data.gdrive_id, Path(temporary), data.sha256)
        return fetch_path(received, data, out)


def unpack(archive: Path, data: Data, out: Path) -> dict:
    """Checks an archive's sha256 where one is expected, and unpacks it within the limits."""
    checksum = sha256_of(archive)
    if data.sha256 is not None and checksum != data.sha256.lower():
        raise StageError(
            f"Expected data.sha256 {data.sha256.lower()}. Received: {archive.name} with "
            f"{checksum}. The archive is another one or was changed: get it again, or correct "
            "data.sha256."
        )
    report = archives.extract(
        archive, out, data.max_files, int(data.max_gigabytes * 1e9), data.max_ratio
    )
    return {"junk": report.junk, "sha256": checksum}


def main(argv: list[str] | None = None) -> None:
    args = cli.parse_paths(__doc__, argv, "source", "out", "metrics", "plot")
    params = read_params(args.params)
    data = params.data
    with atomic_folder(args.out) as folder:
        if data.source == "sample":
            write.write_sample(folder, params.seed, lambda items: cli.progress(items, "drawing"))
            details = {"junk": 0}
        elif data.source == "gdrive":
            details = fetch_drive(data, folder)
        else:
            details = fetch_path(args.source, data, folder)
        files = files_below(folder)
        if not files:
            raise StageError(
                f"Expected pictures in the source ({data.source}). Received: no files at all."
            )
        size = sum(file.stat().st_size for file in files)
        places = Counter(
            PurePosixPath(file.relative_to(folder).as_posix()).parent.as_posix() for file in files
        )
    largest = sorted(places.most_common(30))
    bars.bars(
        args.plot,
        f"Files received, by folder ({len(files):,} in {len(places):,})",
        [name for name, _ in largest],
        [count for _, count in largest],
        "files",
    )
    write_json(
        args.metrics,
        {"source": data.source, "files": len(files), "bytes": size, "folders": len(places)}
        | details,
    )
    cli.summary(
        "download",
        f"{len(files):,} files, {size / 1e6:,.1f} MB, from {data.source}; "
        f"{details['junk']:,} junk files left out",
    )


if __name__ == "__main__":
    cli.run(main)
