"""Occurrence numbers of repeated values, and orders in which the values take turns."""

import numpy as np
import pandas as pd


def occurrences(values: np.ndarray) -> np.ndarray:
    """How often each value stands before itself: 0 for its first row, then 1, 2, ...

    Args:
        values: (n,), of any one type.

    Returns:
        int64 (n,).
    """
    return pd.Series(values).groupby(values, sort=False).cumcount().to_numpy()


def in_turn(values: np.ndarray) -> np.ndarray:
    """Row numbers: the first row of each value, smallest value first, then the second of each, ...

    Args:
        values: (n,), sortable.

    Returns:
        int64 (n,), each row once.
    """
    return np.lexsort((values, occurrences(values)))
