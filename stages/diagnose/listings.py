"""Listings of images to act on, as CSV: their columns, and how they are written."""

from pathlib import Path

import pandas as pd

from common.tables.storage import require_columns, write_csv

# Of `confident_mistakes.csv` and `unsure_hits.csv`.
REVIEW_COLUMNS = ["path", "split", "label", "predicted", "confidence", "p_label", "image_id"]
# Of `label_errors.csv`.
LABEL_ERROR_COLUMNS = [
    *("path", "split", "label", "suggested", "p_label", "p_suggested", "quality", "image_id"),
]


def write_listing(path: Path, rows: pd.DataFrame, columns: list[str]) -> None:
    """Writes images to act on, in the order of `rows`, with four decimals."""
    require_columns("the rows to be written", list(rows.columns), columns)
    write_csv(path, rows[columns], float_format="%.4f")
