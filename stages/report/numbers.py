"""Numbers for people: values as text, and tables of the values of a metrics file or a CSV."""

import dataclasses
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from common.metric_names import METRICS

ABSENT = "–"
LOW, HIGH = "_low", "_high"  # endings of the keys that hold the ends of a number's interval


@dataclasses.dataclass(frozen=True)
class Cell:
    """One value: `text` as shown, `value` as it was, and its interval where there is one."""

    text: str
    value: Any = None
    low: float | None = None
    high: float | None = None

    @property
    def numeric(self) -> bool:
        """Whether it is a number, to be set flush right."""
        return isinstance(self.value, (int, float)) and not isinstance(self.value, bool)

    @property
    def interval(self) -> str | None:
        """The interval as shown, or None."""
        if self.low is None or self.high is None:
            return None
        ends = show(float(self.low)), show(float(self.high))
        return "\N{NO-BREAK SPACE}–\N{NO-BREAK SPACE}".join(ends)


@dataclasses.dataclass(frozen=True)
class Table:
    """A table of the page: the first cell of each row names it."""

    caption: str
    headers: list[str]
    rows: list[list[Cell]]
    note: str = ""
    folded: bool = False  # shown closed: a list to look things up in

    def flush_right(self, column: int) -> bool:
        """Whether a column holds numbers."""
        return any(row[column].numeric for row in self.rows)


def show(value: Any) -> str:
    """A value as text: fractions with three decimals, counts with thousands apart."""
    if value is None:
        return ABSENT
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}".replace("-", "−")
    if isinstance(value, float):
        if value < 0:
            return f"−{show(-value)}"
        if value >= 1000:
            return f"{value:,.0f}"
        if value >= 10:
            return f"{value:.1f}"
        return f"{value:.3f}" if value >= 0.0005 or value == 0 else f"{value:.1e}"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(show, value)) or ABSENT
    return str(value)


def cell(value: Any, low: float | None = None, high: float | None = None) -> Cell:
    """A cell of any value of a metrics file."""
    return Cell(show(value), value, low, high)


def readable(key: str) -> str:
    """A key of a metrics file as words."""
    return METRICS[key].words if key in METRICS else key.replace("_", " ")


def fold(content: dict) -> dict[str, Cell]:
    """The plain values of a dict; NAME_low and NAME_high become the interval of NAME."""
    cells = {}
    for key, value in content.items():
        base = key.removesuffix(LOW).removesuffix(HIGH)
        if isinstance(value, dict) or (base != key and base in content):
            continue
        cells[key] = cell(value, content.get(key + LOW), content.get(key + HIGH))
    return cells


def percent(fraction: float) -> str:
    """A fraction as a person writes it: 0.95 as 95 %, the space kept on the line."""
    return f"{100 * fraction:g}\N{NO-BREAK SPACE}%"


def listed(names: list[str], limit: int = 8) -> str:
    """Names with commas between them; of more than `limit`, the first and the number of others."""
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more


def flat(content: dict, prefix: str = "") -> Iterable[tuple[str, Cell]]:
    """Every value of a nested dict with its dotted name; intervals folded."""
    for key, value in fold(content).items():
        yield f"{prefix}{key}", value
    for key, value in content.items():
        if isinstance(value, dict):
            yield from flat(value, f"{prefix}{key}.")


def values_table(caption: str, content: dict) -> Table | None:
    """The plain values of a dict, one to a row; None without any."""
    rows = [[cell(readable(key)), value] for key, value in fold(content).items()]
    return Table(caption, ["", "value"], rows) if rows else None


def matrix(caption: str, content: dict, first: str, note: str = "") -> Table | None:
    """A dict of dicts as a table: a row for each name, a column for each key; None if it is none.

    Args:
        caption: of the table.
        content: {name: {key: value}}; deeper dicts become columns with dotted names.
        first: header of the column of names.
        note: shown below it.
    """
    if not content or not all(isinstance(value, dict) and value for value in content.values()):
        return None
    cells = {name: dict(flat(values)) for name, values in content.items()}
    keys = list(dict.fromkeys(key for row in cells.values() for key in row))
    empty = cell(None)
    rows = [[cell(name), *(row.get(key, empty) for key in keys)] for name, row in cells.items()]
    return Table(caption, [first, *map(readable, keys)], rows, note)


def all_numbers(path: str, content: dict) -> Table:
    """The whole of a metrics file, a row for each dotted name."""
    return Table(path, ["name", "value"], [[cell(name), value] for name, value in flat(content)])


def csv_table(caption: str, path: Path, limit: int) -> Table | None:
    """The first rows of a CSV; None without the file or without rows."""
    if not path.is_file():
        return None
    try:
        frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    except pd.errors.EmptyDataError:
        return None
    return frame_table(caption, frame, path.name, limit)


def frame_table(caption: str, frame: pd.DataFrame, file: str, limit: int) -> Table | None:
    """The first rows of a table of texts; None without rows.

    Args:
        caption: above it.
        frame: the cells, as texts; empty ones are undefined.
        file: name of the file that holds all rows.
        limit: of the rows.
    """
    if frame.empty:
        return None
    first_rows = frame.head(limit)
    columns = {name: _column(first_rows[name]) for name in first_rows}
    rows = []
    for index in range(len(first_rows)):
        cells = fold({name: values[index] for name, values in columns.items()})
        rows.append(list(cells.values()))
    headers = [readable(name) for name in fold(dict.fromkeys(columns))]
    note = f"The first {limit:,} of {len(frame):,} rows; all in {file}."
    return Table(caption, headers, rows, note if len(frame) > limit else "", folded=True)


def _column(texts: pd.Series) -> list:
    """A column of a CSV: numbers if every entry is one or empty (None), else its texts."""
    numbers = pd.to_numeric(texts.where(texts != "", None), errors="coerce")
    if numbers.isna().all() or (numbers.isna() != (texts == "")).any():
        return texts.tolist()
    return [None if pd.isna(number) else _number(number) for number in numbers]


def _number(value: float) -> int | float:
    """A whole number as an int, but 0 and 1 as they are: these may be fractions."""
    return int(value) if float(value).is_integer() and abs(value) >= 2 else float(value)
