"""History of a training: one row per epoch."""

from pathlib import Path

import pandas as pd

from common.tables.storage import read_csv, require_columns, write_csv

HISTORY_FIRST_COLUMNS = ["epoch", "learning_rate", "loss", "accuracy", "val_loss", "val_accuracy"]


def write_history(path: Path, rows: list[dict]) -> None:
    """Writes one row per epoch; the columns of HISTORY_FIRST_COLUMNS come first."""
    frame = pd.DataFrame(rows)
    require_columns("the rows to be written", list(frame.columns), HISTORY_FIRST_COLUMNS)
    others = [name for name in frame.columns if name not in HISTORY_FIRST_COLUMNS]
    write_csv(path, frame[HISTORY_FIRST_COLUMNS + others])


def read_history(path: Path) -> pd.DataFrame:
    """Reads the history, a row for each epoch; all columns but `phase` hold numbers."""
    frame = read_csv(path, HISTORY_FIRST_COLUMNS)
    numbers = [name for name in frame.columns if name != "phase"]
    return frame.astype(dict.fromkeys(numbers, float)).astype({"epoch": int})
