"""Sampling table: the training rows that one epoch visits, repeats included, with weights."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from common.tables.storage import read_parquet, write_parquet

SAMPLING = pa.schema(
    [
        pa.field("row", pa.int64(), nullable=False),  # row of data/dataset/train
        pa.field("occurrence", pa.int64(), nullable=False),  # 0 for its first use, then 1, 2, ...
        pa.field("weight", pa.float32(), nullable=False),  # of its loss; 1 except for class_weight
    ]
)


class Sampling(NamedTuple):
    """The examples of one epoch.

    Attributes:
        rows: int64 (n_samples,), rows of data/dataset/train, repeats included.
        occurrences: int64 (n_samples,), how often each row came before.
        weights: float32 (n_samples,), of each sample's loss.
    """

    rows: np.ndarray
    occurrences: np.ndarray
    weights: np.ndarray

    @classmethod
    def plain(cls, n: int) -> "Sampling":
        """Each of n rows once, all of the same weight."""
        return cls(np.arange(n), np.zeros(n, np.int64), np.ones(n, np.float32))


def write_sampling(path: Path, sampling: Sampling) -> None:
    """Writes the examples of one epoch, in their order."""
    columns = dict(zip(SAMPLING.names, sampling, strict=True))
    write_parquet(path, pd.DataFrame(columns), SAMPLING)


def read_sampling(path: Path) -> Sampling:
    """Reads the table of `write_sampling`."""
    frame = read_parquet(path, SAMPLING)
    return Sampling(*(frame[name].to_numpy() for name in SAMPLING.names))
