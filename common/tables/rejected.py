"""Reject table: one row per file that clean drops, with the reason."""

from pathlib import Path

import pandas as pd

from common.reasons import REASONS
from common.tables.storage import read_csv, write_csv

# `kept_path`: of the image that a copy was dropped for; empty for other reasons.
REJECTED_COLUMNS = ["path", "label", "reason", "detail", "kept_path"]


def write_rejected(path: Path, rows: list[dict]) -> None:
    """Writes the reject table sorted by path; `reason` must be one of REASONS."""
    unknown = sorted({row["reason"] for row in rows} - set(REASONS))
    if unknown:
        raise ValueError(f"Expected reasons among {REASONS}. Received: {unknown}")
    write_csv(path, pd.DataFrame(rows, columns=REJECTED_COLUMNS).sort_values("path"))


def read_rejected(path: Path) -> pd.DataFrame:
    """Reads the reject table; absent `kept_path` and `label` are empty strings."""
    return read_csv(path, REJECTED_COLUMNS)
