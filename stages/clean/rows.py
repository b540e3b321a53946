"""Rows of the stage's two tables, the manifest and the reject table."""

from typing import Protocol

import pandas as pd

from common.reasons import REASONS


class Labelled(Protocol):
    """A file with its label: a `LabelledFile`, or a row of a table with these columns."""

    path: str
    label: str


def rejected_row(file: Labelled, reason: str, detail: str, kept_path: str = "") -> dict:
    """A row of the reject table.

    Args:
        file: what is rejected.
        reason: one of `reasons.REASONS`.
        detail: what exactly is wrong, for people.
        kept_path: the image that is kept in its place, if there is one.
    """
    if reason not in REASONS:
        raise ValueError(f"Expected one of {REASONS}. Received: {reason!r}")
    return {
        "path": file.path,
        "label": file.label,
        "reason": reason,
        "detail": detail,
        "kept_path": kept_path,
    }


def manifest_rows(kept: pd.DataFrame) -> pd.DataFrame:
    """The kept images with the columns of the manifest that are derived: `phash`, `group`.

    Args:
        kept: with `hash`, uint64, and `group`, any number for each group of near-duplicates.

    Returns:
        A copy with `phash`, 16 hex digits, and `group` numbered from 0 in the order of rows.
    """
    return kept.assign(
        phash=[f"{int(value):016x}" for value in kept["hash"]],
        group=pd.factorize(kept["group"])[0],
    )
