"""Label tables, CSV or Parquet: a row per image, every cell as text."""

import csv
import dataclasses
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from common.errors import StageError, quote_lines
from stages.clean.labels.split_names import SPLIT_WORDS, split_of_word

CSV_SUFFIXES = (".csv", ".tsv")
PARQUET_SUFFIXES = (".parquet", ".pq")
DELIMITERS = ",;\t|"
HEADER_BYTES = 1 << 16  # read of a CSV to see its header


@dataclasses.dataclass(frozen=True)
class Columns:
    """Names of the columns: of the image, of its class, and of its split where there is one."""

    image: str
    label: str
    split: str


class Row(NamedTuple):
    """One row of a label table.

    Attributes:
        where: table and line (of Parquet the row, from 1), e.g. `labels.csv:7`.
        image: the cell that names the image.
        label: the class, never empty.
        split: train, val, test, or None where the table says none.
    """

    where: str
    image: str
    label: str
    split: str | None


def is_table(path: str) -> bool:
    """Whether a file may be a label table, by its suffix."""
    return path.lower().endswith(CSV_SUFFIXES + PARQUET_SUFFIXES)


def read_header(path: Path, columns: Columns) -> tuple[list[str], str]:
    """Column names of a CSV and its delimiter: the one that finds most of the wanted columns."""
    with path.open("rb") as stream:
        line = stream.readline(HEADER_BYTES).decode("utf-8-sig", errors="replace")
    headers = []
    for delimiter in DELIMITERS:
        try:
            cells = next(csv.reader([line], delimiter=delimiter, skipinitialspace=True), [])
        except csv.Error:
            cells = []
        headers.append(([_text(cell) for cell in cells], delimiter))
    wanted = set(dataclasses.astuple(columns))
    return max(headers, key=lambda item: (len(wanted & set(item[0])), len(item[0])))


def read_rows(path: Path, name: str, columns: Columns) -> list[Row]:
    """Reads a label table as a whole.

    CSV is UTF-8 with or without a byte order mark, separated by comma, semicolon, tab or bar.
    Cells stay as written (`007`, `NA`) but for blanks around them. Whole numbers of Parquet, also
    those held as float, are written without a point. Rows that are empty throughout are skipped.

    Args:
        path: the table.
        name: how messages name it.
        columns: those to read; the split column may be absent.

    Raises:
        StageError: another encoding or type, a missing column, or rows without an image, without
            a class or with an unknown split.
    """
    if name.lower().endswith(PARQUET_SUFFIXES):
        cells = _parquet_cells(path, name, columns)
    elif name.lower().endswith(CSV_SUFFIXES):
        cells = _csv_cells(path, name, columns)
    else:
        raise StageError(
            f"Expected a label table that ends in {', '.join(CSV_SUFFIXES + PARQUET_SUFFIXES)}. "
            f"Received: {name}. Save it as CSV or Parquet, and set data.labels to that file."
        )
    rows, faulty = [], []
    for number, image, label, split in cells:
        where = f"{name}:{number}"
        if not (image or label or split):
            continue
        if not image or not label:
            empty = columns.label if image else columns.image
            faulty.append(f"{where}: {empty} is empty ({image or label or split})")
        elif split and split_of_word(split) is None:
            faulty.append(f"{where}: {columns.split} is {split!r} ({image})")
        else:
            rows.append(Row(where, image, label, split_of_word(split)))
    if faulty:
        raise StageError(
            f"Expected each row of {name} to name an image in {columns.image} and its class in "
            f"{columns.label}, and {columns.split}, where there is such a column, to be empty or "
            f"one of {', '.join(SPLIT_WORDS)}. Received {len(faulty):,} other row(s):"
            f"{quote_lines(faulty)}\nCorrect these rows or remove them."
        )
    return rows


def _csv_cells(path: Path, name: str, columns: Columns) -> Iterator[tuple[int, str, str, str]]:
    header, delimiter = read_header(path, columns)
    wanted = _check_columns(name, header, columns)
    positions = [header.index(column) for column in wanted]
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream, delimiter=delimiter, skipinitialspace=True)
            next(reader)
            for row in reader:
                if any(cell.strip() for cell in row[len(header) :]):
                    raise StageError(
                        f"Expected {len(header)} cells in {name}, line {reader.line_num}. "
                        f"Received: {len(row)}: {delimiter.join(row)[:200]}. Put cells that hold "
                        f"{delimiter!r} in double quotes."
                    )
                cells = [_text(row[index]) if index < len(row) else "" for index in positions]
                yield reader.line_num, *cells, *[""] * (3 - len(cells))
    except (UnicodeDecodeError, csv.Error) as error:
        raise StageError(
            f"Expected {name} to be a CSV in UTF-8. Received: {error}. Save it again as CSV UTF-8."
        ) from None


def _parquet_cells(path: Path, name: str, columns: Columns) -> Iterator[tuple[int, str, str, str]]:
    try:
        wanted = _check_columns(name, pq.read_schema(path).names, columns)
        table = pq.read_table(path, columns=wanted)
    except (pa.ArrowException, OSError) as error:
        raise StageError(
            f"Expected {name} to be a Parquet file. Received: {error}. Write it anew."
        ) from None
    texts = [_texts(table[column], f"column {column} of {name}") for column in wanted]
    texts += [[""] * table.num_rows] * (3 - len(wanted))
    yield from zip(range(1, table.num_rows + 1), *texts, strict=True)


def _texts(column: pa.ChunkedArray, what: str) -> list[str]:
    kind = column.type
    if pa.types.is_dictionary(kind):  # pandas' categories
        kind = kind.value_type
        column = column.cast(kind)
    values = column.to_pylist()
    if pa.types.is_floating(kind):
        # An integer column with gaps becomes float in pandas; its gaps are null or NaN.
        values = [None if value is None or value != value else value for value in values]
        if all(value is None or value.is_integer() for value in values):
            values = [None if value is None else int(value) for value in values]
    elif not (
        pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_string_view(kind)
        or pa.types.is_integer(kind)
        or pa.types.is_boolean(kind)
        or pa.types.is_null(kind)
    ):
        raise StageError(
            f"Expected text, numbers or categories in {what}. Received: {kind}. Name another "
            "column in data.image_column, data.label_column or data.split_column."
        )
    return ["" if value is None else _text(str(value)) for value in values]


def _check_columns(name: str, received: Iterable[str], columns: Columns) -> list[str]:
    """The columns to read, in the order of Columns; split only where the table has it."""
    received = list(received)
    expected = {"data.image_column": columns.image, "data.label_column": columns.label}
    for parameter, column in expected.items():
        if received.count(column) != 1:
            raise StageError(
                f"Expected one column {column} in {name} ({parameter}). Received the columns: "
                f"{', '.join(received)[:500] or 'none'}. Set {parameter} to one of them."
            )
    return [*expected.values(), *([columns.split] if columns.split in received else [])]


def _text(cell: str) -> str:
    return unicodedata.normalize("NFC", cell.strip())
