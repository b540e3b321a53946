"""CSVs of the stage: the numbers behind its plots."""

from pathlib import Path

import pandas as pd

from common.tables.storage import write_csv


def write_plot_data(path: Path, rows: pd.DataFrame) -> None:
    """Writes the CSV behind a DVC plot, with six decimals."""
    write_csv(path, rows, float_format="%.6f")
