"""Labels and given splits of a source: from folders, folders with CSVs beside them, or one table.

A label is never guessed: where two of these contradict each other, the stage stops and shows the
first rows that do.
"""

import dataclasses
import posixpath
from collections.abc import Mapping
from pathlib import Path

from common.errors import QUOTED, StageError, quote_names
from stages.clean.labels import contradictions
from stages.clean.labels.class_folders import (
    LabelledFile,
    class_folders,
    doubtful_folders,
    label_by_folder,
    split_by_folder,
)
from stages.clean.labels.file_finder import FileFinder, top_folders
from stages.clean.labels.matching import MatchedRows, match_rows
from stages.clean.labels.spelling import one_spelling
from stages.clean.labels.table import Columns, is_table, read_header, read_rows


@dataclasses.dataclass(frozen=True)
class SourceLabels:
    """Labels of a source's files, each of which stands in exactly one of the first four lists.

    Attributes:
        labelled: files with a label, sorted by path.
        outside: files outside of class folders, where folders give the labels.
        tables: the label tables that were read.
        unlisted: files that are not in data.labels, where that gives the labels.
        missing: number of rows of label tables whose file is not there.
        warnings: lines for the user.
    """

    labelled: list[LabelledFile]
    outside: list[str]
    tables: list[str]
    unlisted: list[str]
    missing: int
    warnings: list[str]


def read_labels(
    raw: Path,
    paths: list[str],
    columns: Columns,
    table: str | None,
    splits: Mapping[str, str] | None = None,
) -> SourceLabels:
    """Labels the files of a source.

    Args:
        raw: folder of the source.
        paths: POSIX paths of its files, relative to it, junk left out.
        columns: of label tables.
        table: data.labels, relative to the source or to a folder that stands alone around
            everything; None: the class folders give the labels, and CSVs beside them must agree.
            Those are the CSVs that have the columns and either stand outside of the class folders
            or bear the name of the one in which they stand.
        splits: data.splits, split by folder; None: folders that bear the names of splits are.

    Raises:
        StageError: fewer than two classes, a table that cannot be read or that names few of the
            files, or a contradiction between rows, folders and splits.
    """
    if table is not None:
        source = _from_table(raw, paths, columns, _locate(paths, table), splits)
    else:
        source = _from_folders(raw, paths, columns, splits)
    labelled, warnings = one_spelling(source.labelled)
    return dataclasses.replace(source, labelled=labelled, warnings=source.warnings + warnings)


def _from_table(
    raw: Path, paths: list[str], columns: Columns, table: str, splits: Mapping[str, str] | None
) -> SourceLabels:
    images = [path for path in paths if path != table]
    matched = match_rows(FileFinder(images), {table: read_rows(raw / table, table, columns)})
    labels = sorted({row.label for row in matched.rows.values()})
    if len(labels) < 2:
        raise StageError(
            f"Expected labels of two classes at least in the column {columns.label} of {table}. "
            f"Received: {labels or 'none'} in {len(matched.rows):,} row(s). Add rows, or set "
            "data.label_column to another column."
        )
    contradictions.check_table_against_folders(matched)
    by_folder = split_by_folder(list(matched.rows), splits)
    labelled = [
        LabelledFile(path, row.label, by_folder.get(path)) for path, row in matched.rows.items()
    ]
    labelled = contradictions.combine_splits(labelled, matched)
    unlisted = sorted(set(images) - set(matched.rows))
    warnings = _warn_missing(matched)
    if unlisted:
        warnings.append(
            f"{len(unlisted):,} file(s) that are not in {table} left out: {quote_names(unlisted)}"
        )
    labelled.sort(key=lambda file: file.path)
    warnings += _warn_open_split(labelled)
    return SourceLabels(labelled, [], [table], unlisted, len(matched.missing), warnings)


def _from_folders(
    raw: Path, paths: list[str], columns: Columns, splits: Mapping[str, str] | None
) -> SourceLabels:
    csvs = [path for path in paths if path.lower().endswith(".csv")]
    tables, warnings = _find_tables(raw, paths, csvs, columns, splits)
    images = sorted(set(paths) - set(tables))
    try:
        labelled, outside = label_by_folder(images, splits)
    except StageError as error:
        usable = [path for path in csvs[:QUOTED] if _other_columns(raw, path, columns) is None]
        hint = f" Or set data.labels to {' or '.join(usable)}." if usable else ""
        raise StageError(f"{error}{hint}") from None
    if doubt := doubtful_folders(images, splits):
        warnings.append(doubt)
    if outside:
        warnings.append(
            f"{len(outside):,} file(s) outside of class folders left out: {quote_names(outside)}"
        )
    if not tables:
        return SourceLabels(labelled, outside, [], [], 0, warnings)
    finder = FileFinder(images)
    matched = match_rows(finder, {path: read_rows(raw / path, path, columns) for path in tables})
    contradictions.check_csvs_beside_folders(labelled, matched)
    labelled = contradictions.combine_splits(labelled, matched)
    homes = {path: finder.home(path) for path in tables}
    scopes = {posixpath.dirname(path) if home is None else home for path, home in homes.items()}
    unlisted = [
        file.path
        for file in labelled
        if file.path not in matched.rows and not scopes.isdisjoint(_above(file.path))
    ]
    if unlisted:
        warnings.append(
            f"{len(unlisted):,} file(s) that no CSV beside the class folders lists keep the label "
            f"of their folder: {quote_names(unlisted)}"
        )
    warnings += _warn_missing(matched) + _warn_open_split(labelled)
    return SourceLabels(labelled, outside, tables, [], len(matched.missing), warnings)


def _find_tables(
    raw: Path,
    paths: list[str],
    csvs: list[str],
    columns: Columns,
    splits: Mapping[str, str] | None,
) -> tuple[list[str], list[str]]:
    """Label tables beside class folders; and warnings of CSVs that only look like one."""
    if not csvs:
        return [], []
    try:
        classes = class_folders(sorted(set(paths) - set(csvs)), splits)
    except StageError:
        return [], []
    tables, warnings = [], []
    for path in csvs:
        stem = posixpath.splitext(path)[0]
        folder, name = posixpath.split(stem)
        named = stem in classes or (folder in classes and posixpath.basename(folder) == name)
        if not named and not classes.isdisjoint(_above(path)):
            continue  # some file of a class
        other_columns = _other_columns(raw, path, columns)
        if other_columns is None:
            tables.append(path)
        elif named:
            warnings.append(
                f"{path} was not compared with the folder {name}: expected the columns "
                f"{columns.image} and {columns.label}, received {other_columns}. See "
                "data.image_column"
            )
    return tables, warnings


def _other_columns(raw: Path, path: str, columns: Columns) -> str | None:
    """The columns of a CSV as a text if it is no label table, else None."""
    header, _ = read_header(raw / path, columns)
    if {columns.image, columns.label} <= set(header):
        return None
    return ", ".join(header)[:200] or "none"


def _locate(paths: list[str], table: str) -> str:
    """The path of data.labels; raises if there is no such file."""
    wanted = posixpath.normpath(table.strip().replace("\\", "/"))
    files = set(paths)
    for top in top_folders(paths):
        if (path := posixpath.join(top, wanted)) in files:
            return path
    tables = [path for path in paths if is_table(path)]
    raise StageError(
        f"Expected data.labels to be a CSV or Parquet file inside the source. Received: {table}, "
        f"which is not there. Tables that are: {quote_names(tables) or 'none'}. Set data.labels to "
        "one of them, or to null for class folders."
    )


def _above(path: str) -> list[str]:
    """The folders around a file, up to "" for the source."""
    parts = path.split("/")[:-1]
    return ["/".join(parts[:end]) for end in range(len(parts) + 1)]


def _warn_missing(matched: MatchedRows) -> list[str]:
    if not matched.missing:
        return []
    names = quote_names([f"{row.image} ({row.where})" for row in matched.missing])
    return [f"{len(matched.missing):,} row(s) of label tables name files that are missing: {names}"]


def _warn_open_split(labelled: list[LabelledFile]) -> list[str]:
    without_split = [file.path for file in labelled if file.given_split is None]
    if len(without_split) in (0, len(labelled)):
        return []
    return [
        f"{len(without_split):,} of {len(labelled):,} files have no given split and are taken "
        f"as train: {quote_names(without_split)}"
    ]
