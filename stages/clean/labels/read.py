"""Each file's label and given split: from folders, folders with CSVs beside them, or one table.

A label is never guessed: where two of these contradict each other, the stage stops and shows the
first rows that do.
"""

import dataclasses
import posixpath
from pathlib import Path

from common.errors import StageError
from stages.clean.labels import checks
from stages.clean.labels.class_folders import Placed, class_folders, read_layout, read_splits
from stages.clean.labels.finder import Finder, top_folders
from stages.clean.labels.matching import Listed, match
from stages.clean.labels.table import SHOWN, Columns, is_table, read_header, read_rows


@dataclasses.dataclass(frozen=True)
class Labelled:
    """What becomes of the files of a source: each stands in exactly one of the first four lists.

    Attributes:
        placed: files with a label, sorted by path.
        outside: files outside of class folders, where folders give the labels.
        tables: the label tables that were read.
        unlisted: files that are not in data.labels, where that gives the labels.
        missing: rows of label tables whose file is not there.
        warnings: lines for the user.
    """

    placed: list[Placed]
    outside: list[str]
    tables: list[str]
    unlisted: list[str]
    missing: int
    warnings: list[str]


def read_labels(raw: Path, paths: list[str], columns: Columns, table: str | None) -> Labelled:
    """Labels the files of a source.

    Args:
        raw: folder of the source.
        paths: POSIX paths of its files, relative to it, junk left out.
        columns: of label tables.
        table: data.labels, relative to the source or to a folder that stands alone around
            everything; None: the class folders say, and CSVs beside them must agree. Such are
            the CSVs that have the columns and stand outside of the class folders, or in one and
            are called like it.

    Raises:
        StageError: fewer than two classes, a table that cannot be read or that names few of the
            files, or a contradiction between rows, folders and splits.
    """
    if table is not None:
        return _from_table(raw, paths, columns, _locate(paths, table))
    return _from_folders(raw, paths, columns)


def _from_table(raw: Path, paths: list[str], columns: Columns, table: str) -> Labelled:
    images = [path for path in paths if path != table]
    listed = match(Finder(images), {table: read_rows(raw / table, table, columns)})
    labels = sorted({row.label for row in listed.rows.values()})
    if len(labels) < 2:
        raise StageError(
            f"Expected labels of two classes at least in the column {columns.label} of {table}. "
            f"Received: {labels or 'none'} in {len(listed.rows):,} row(s). Add rows, or set "
            "data.label_column to another column."
        )
    checks.check_class_folders(listed)
    by_folder = read_splits(list(listed.rows))
    placed = [Placed(path, row.label, by_folder.get(path)) for path, row in listed.rows.items()]
    placed = checks.add_splits(placed, listed)
    unlisted = sorted(set(images) - set(listed.rows))
    warnings = _warn_missing(listed)
    if unlisted:
        warnings.append(
            f"{len(unlisted):,} file(s) that are not in {table} left out: {_few(unlisted)}"
        )
    placed.sort(key=lambda item: item.path)
    warnings += _warn_open_split(placed)
    return Labelled(placed, [], [table], unlisted, len(listed.missing), warnings)


def _from_folders(raw: Path, paths: list[str], columns: Columns) -> Labelled:
    csvs = [path for path in paths if path.lower().endswith(".csv")]
    tables, warnings = _find_tables(raw, paths, csvs, columns)
    images = sorted(set(paths) - set(tables))
    try:
        placed, outside = read_layout(images)
    except StageError as error:
        usable = [path for path in csvs[:SHOWN] if _lacking(raw, path, columns) is None]
        hint = f" Or set data.labels to {' or '.join(usable)}." if usable else ""
        raise StageError(f"{error}{hint}") from None
    if outside:
        warnings.append(
            f"{len(outside):,} file(s) outside of class folders left out: {_few(outside)}"
        )
    if not tables:
        return Labelled(placed, outside, [], [], 0, warnings)
    finder = Finder(images)
    listed = match(finder, {path: read_rows(raw / path, path, columns) for path in tables})
    checks.check_targets(placed, listed)
    placed = checks.add_splits(placed, listed)
    homes = {path: finder.home(path) for path in tables}
    scopes = {posixpath.dirname(path) if home is None else home for path, home in homes.items()}
    unlisted = [
        item.path
        for item in placed
        if item.path not in listed.rows and not scopes.isdisjoint(_above(item.path))
    ]
    if unlisted:
        warnings.append(
            f"{len(unlisted):,} file(s) that no CSV beside the class folders lists keep the label "
            f"of their folder: {_few(unlisted)}"
        )
    warnings += _warn_missing(listed) + _warn_open_split(placed)
    return Labelled(placed, outside, tables, [], len(listed.missing), warnings)


def _find_tables(
    raw: Path, paths: list[str], csvs: list[str], columns: Columns
) -> tuple[list[str], list[str]]:
    """Label tables beside class folders; and warnings of CSVs that only look like one."""
    if not csvs:
        return [], []
    try:
        classes = class_folders(sorted(set(paths) - set(csvs)))
    except StageError:
        return [], []
    tables, warnings = [], []
    for path in csvs:
        stem = posixpath.splitext(path)[0]
        folder, name = posixpath.split(stem)
        named = stem in classes or (folder in classes and posixpath.basename(folder) == name)
        if not named and not classes.isdisjoint(_above(path)):
            continue  # some file of a class
        lacking = _lacking(raw, path, columns)
        if lacking is None:
            tables.append(path)
        elif named:
            warnings.append(
                f"{path} was not compared with the folder {name}: expected the columns "
                f"{columns.image} and {columns.label}, received {lacking}. See data.image_column"
            )
    return tables, warnings


def _lacking(raw: Path, path: str, columns: Columns) -> str | None:
    """The columns of a CSV as a text if it is no label table, else None."""
    header, _ = read_header(raw / path, columns)
    if {columns.image, columns.label} <= set(header):
        return None
    return ", ".join(header)[:200] or "none"


def _locate(paths: list[str], table: str) -> str:
    wanted = posixpath.normpath(table.strip().replace("\\", "/"))
    known = set(paths)
    for top in top_folders(paths):
        if (path := posixpath.join(top, wanted)) in known:
            return path
    found = [path for path in paths if is_table(path)]
    raise StageError(
        f"Expected data.labels to be a CSV or Parquet file inside the source. Received: {table}, "
        f"which is not there. Tables that are: {_few(found) or 'none'}. Set data.labels to one of "
        "them, or to null for class folders."
    )


def _above(path: str) -> list[str]:
    """The folders around a file, up to "" for the source."""
    parts = path.split("/")[:-1]
    return ["/".join(parts[:end]) for end in range(len(parts) + 1)]


def _few(names: list[str]) -> str:
    return ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")


def _warn_missing(listed: Listed) -> list[str]:
    if not listed.missing:
        return []
    names = _few([f"{row.image} ({row.where})" for row in listed.missing])
    return [f"{len(listed.missing):,} row(s) of label tables name files that are missing: {names}"]


def _warn_open_split(placed: list[Placed]) -> list[str]:
    rest = [item.path for item in placed if item.given_split is None]
    if len(rest) in (0, len(placed)):
        return []
    return [
        f"{len(rest):,} of {len(placed):,} files have no given split and are taken as train: "
        f"{_few(rest)}"
    ]
