"""Parquet and CSV files with named columns, checked at reading and written whole.

Parquet where columns are typed or large, CSV where people and DVC look.
"""

from pathlib import Path
from typing import BinaryIO

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from common.errors import StageError
from common.files import atomic_file


def write_parquet(
    path: Path, frame: pd.DataFrame, schema: pa.Schema, metadata: dict[bytes, str] | None = None
) -> None:
    """Writes the columns of `schema`, and metadata of ours; equal content gives equal bytes."""
    table = pa.Table.from_pandas(frame, schema=schema, preserve_index=False)
    # pandas' own metadata hold the library's version: other bytes after every upgrade.
    with atomic_file(path) as temporary:
        pq.write_table(table.replace_schema_metadata(metadata), temporary)


def read_parquet(path: Path, schema: pa.Schema) -> pd.DataFrame:
    """Reads the columns of `schema`, with its types.

    Raises:
        StageError: a column is missing.
    """
    require_columns(path, pq.read_schema(path).names, schema.names)
    return pq.read_table(path, columns=schema.names).cast(schema).to_pandas()


def write_csv(path: Path, frame: pd.DataFrame, float_format: str | None = None) -> None:
    """Writes all columns, without the index; `float_format` as "%.6f", None for full precision."""
    with atomic_file(path) as temporary:
        frame.to_csv(temporary, index=False, lineterminator="\n", float_format=float_format)


def read_csv(source: Path | BinaryIO, columns: list[str], name: str | None = None) -> pd.DataFrame:
    """Reads a CSV as text throughout: a class called 007, NA or 1e5 keeps its name.

    Args:
        source: a path, or an opened file.
        columns: which must be there; others may be.
        name: of the file, for the message; None takes `source`.

    Raises:
        StageError: a column is missing.
        ValueError: it is no CSV, as pandas says.
    """
    frame = pd.read_csv(source, dtype=str, keep_default_na=False)
    require_columns(name or source, list(frame.columns), columns)
    return frame


def require_columns(table: object, received: list[str], expected: list[str]) -> None:
    """Checks that every expected column was received, in any order.

    Args:
        table: names it in the message: a path, or words.
        received: columns that it has.
        expected: columns that it must have.

    Raises:
        StageError: with the columns that are missing.
    """
    missing = [name for name in expected if name not in received]
    if missing:
        raise StageError(
            f"Expected {table} to have the columns {', '.join(expected)}. Received: "
            f"{', '.join(received)} ({', '.join(missing)} missing). Rebuild it with `dvc repro`."
        )
