"""Label tables against the files that are there: which row is about which file."""

import dataclasses

from common.errors import StageError
from stages.clean.labels.finder import Finder
from stages.clean.labels.table import Row, show


@dataclasses.dataclass(frozen=True)
class Listed:
    """Rows and their files.

    Attributes:
        rows: path -> its row; of several that agree the first.
        missing: rows whose file is not there.
    """

    rows: dict[str, Row]
    missing: list[Row]


def match(finder: Finder, tables: dict[str, list[Row]]) -> Listed:
    """Finds the file of every row.

    Raises:
        StageError: a cell that means several files, more than half of a table's files missing, or
            rows about one file that contradict each other.
    """
    listed, missing = {}, []
    ambiguous, contrary = [], []
    for table, rows in tables.items():
        home = finder.home(table)
        gone = []
        for row in rows:
            found = finder.find(row.image, row.label, table, home)
            if len(found) > 1:
                ambiguous.append(f"{row.where}: {row.image} may be {' or '.join(found[:3])}")
            elif not found:
                gone.append(row)
            else:
                (path,) = found
                other = listed.setdefault(path, row)
                if _contradict(row, other):
                    contrary.append(f"{path}: {_said(other)}, {_said(row)}")
                elif other.split is None:
                    listed[path] = other._replace(split=row.split)
        if len(gone) > len(rows) / 2:
            _raise_missing(table, rows, gone, finder)
        missing += gone
    if ambiguous:
        raise StageError(
            "Expected each row of the label tables to name one file. Received "
            f"{len(ambiguous):,} row(s) that may mean several:{show(ambiguous)}\n"
            "Write their paths instead, relative to the table's folder."
        )
    if contrary:
        raise StageError(
            "Expected rows about the same file to agree. Received "
            f"{len(contrary):,} that do not:{show(contrary)}\nRemove or correct one of each."
        )
    return Listed(listed, missing)


def _contradict(one: Row, other: Row) -> bool:
    splits = {one.split, other.split} - {None}
    return one.label != other.label or len(splits) > 1


def _said(row: Row) -> str:
    split = f", {row.split}" if row.split else ""
    return f"{row.where} says {row.label}{split}"


def _raise_missing(table: str, rows: list[Row], gone: list[Row], finder: Finder) -> None:
    there = ", ".join(finder.first(3)) or "none"
    raise StageError(
        f"Expected the files that {table} lists, relative to its folder. Received: "
        f"{len(gone):,} of {len(rows):,} are missing:"
        f"{show([f'{row.where}: {row.image}' for row in gone])}\nFiles that are there: {there}. "
        "Correct the paths, set data.image_column to the column that holds them, or remove the "
        "table if it is about other pictures."
    )
