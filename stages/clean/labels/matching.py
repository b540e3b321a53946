"""Matching of the rows of label tables to the files that they name."""

import dataclasses

from common.errors import StageError, quote_lines
from stages.clean.labels.file_finder import FileFinder
from stages.clean.labels.table import Row


@dataclasses.dataclass(frozen=True)
class MatchedRows:
    """Rows of label tables by the file that they name.

    Attributes:
        rows: path -> its row; of several that agree the first.
        missing: rows whose file is not there.
    """

    rows: dict[str, Row]
    missing: list[Row]


def match_rows(finder: FileFinder, tables: dict[str, list[Row]]) -> MatchedRows:
    """Finds the file of every row.

    Raises:
        StageError: a cell that means several files, more than half of a table's files missing, or
            rows about one file that contradict each other.
    """
    row_of, missing = {}, []
    ambiguous, contradictory = [], []
    for table, rows in tables.items():
        home = finder.home(table)
        missing_here = []
        for row in rows:
            files = finder.find(row.image, row.label, table, home)
            if len(files) > 1:
                ambiguous.append(f"{row.where}: {row.image} may be {' or '.join(files[:3])}")
            elif not files:
                missing_here.append(row)
            else:
                (path,) = files
                earlier = row_of.setdefault(path, row)
                if _contradict(row, earlier):
                    contradictory.append(f"{path}: {_describe(earlier)}, {_describe(row)}")
                elif earlier.split is None:
                    row_of[path] = earlier._replace(split=row.split)
        if len(missing_here) > len(rows) / 2:
            _raise_missing(table, rows, missing_here, finder)
        missing += missing_here
    if ambiguous:
        raise StageError(
            "Expected each row of the label tables to name one file. Received "
            f"{len(ambiguous):,} row(s) that may mean several:{quote_lines(ambiguous)}\n"
            "Write their paths instead, relative to the table's folder."
        )
    if contradictory:
        raise StageError(
            "Expected rows about the same file to agree. Received "
            f"{len(contradictory):,} that do not:{quote_lines(contradictory)}\n"
            "Remove or correct one of each."
        )
    return MatchedRows(row_of, missing)


def _contradict(a: Row, b: Row) -> bool:
    splits = {a.split, b.split} - {None}
    return a.label != b.label or len(splits) > 1


def _describe(row: Row) -> str:
    split = f", {row.split}" if row.split else ""
    return f"{row.where} says {row.label}{split}"


def _raise_missing(table: str, rows: list[Row], missing: list[Row], finder: FileFinder) -> None:
    names = quote_lines([f"{row.where}: {row.image}" for row in missing])
    present = ", ".join(finder.first(3)) or "none"
    raise StageError(
        f"Expected the files that {table} lists, relative to its folder. Received: "
        f"{len(missing):,} of {len(rows):,} are missing:{names}\nFiles that are there: {present}. "
        "Correct the paths, set data.image_column to the column that holds them, or remove the "
        "table if it is about other images."
    )
