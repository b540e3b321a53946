"""Listings: images to act on, and the numbers behind plots, as CSV."""

from pathlib import Path

import pandas as pd

from common.tables.storage import require_columns, write_csv

# Of the predictions that diagnose lists: the mistakes, the least sure hits.
REVIEW_COLUMNS = ["path", "split", "label", "predicted", "confidence", "p_label", "image_id"]
# Of its `label_errors.csv`.
LABEL_ERROR_COLUMNS = [
    *("path", "split", "label", "suggested", "p_label", "p_suggested", "quality", "image_id"),
]


def write_listing(path: Path, rows: pd.DataFrame, columns: list[str]) -> None:
    """Writes images to act on, in the order of `rows`, with four decimals."""
    require_columns("the rows to be written", list(rows.columns), columns)
    write_csv(path, rows[columns], float_format="%.4f")


def write_plot_data(path: Path, rows: pd.DataFrame) -> None:
    """Writes the CSV behind a DVC plot, with six decimals."""
    write_csv(path, rows, float_format="%.6f")
