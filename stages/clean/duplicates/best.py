"""The best image of each group of copies: it is kept, and the others are rejected."""

import pandas as pd

from common.reasons import EXACT_DUPLICATE, LABEL_CONFLICT, NEAR_DUPLICATE
from common.schema import Clean
from stages.clean.rows import rejected_row


def keep_best(images: pd.DataFrame, clean: Clean) -> tuple[pd.DataFrame, list[dict]]:
    """Keeps the best image of every group.

    Best is the largest, then the least compressed (most bytes), then the first by path. Copies
    are dropped within one given split only: what stands in two splits is a leak, which the split
    stage deals with. A group under two labels is a conflict.

    Args:
        images: usable images with `path`, `label`, `given_split`, `sha256`, `width`, `height`,
            `bytes` and `group`.
        clean: `near_duplicates` and `conflicts`.

    Returns:
        The rows of `images` that are kept, in their order, and the rows of the reject table for
        the others, with their `group` for the plots.
    """
    order = images.assign(pixels=images["width"] * images["height"]).sort_values(
        ["pixels", "bytes", "path"], ascending=[False, False, True]
    )
    kept, rejected = [], []
    for number, group in order.groupby("group", sort=False):
        if clean.conflicts == "drop" and group["label"].nunique() > 1:
            dropped = _reject_conflict(group)
        else:
            dropped = []
            for _, copies in group.groupby(["label", group["given_split"].fillna("")], sort=False):
                indices, rows = _keep_best_copy(copies, clean.near_duplicates == "drop")
                kept += indices
                dropped += rows
        rejected += [row | {"group": number} for row in dropped]
    return images.loc[sorted(kept)], rejected


def _reject_conflict(group: pd.DataFrame) -> list[dict]:
    rejected = []
    for row in group.itertuples():
        other = group.loc[group["label"] != row.label, "path"].iloc[0]
        rejected.append(rejected_row(row, LABEL_CONFLICT, f"also labelled otherwise: {other}"))
    return rejected


def _keep_best_copy(copies: pd.DataFrame, drop_near: bool) -> tuple[list[int], list[dict]]:
    """Index of what is kept, and rows of the reject table, of copies sorted from the best on."""
    best = copies["path"].iloc[0]
    kept, rejected = [], []
    originals = {}  # sha256 -> the path that stands for it
    for row in copies.itertuples():
        if row.sha256 in originals:
            rejected.append(rejected_row(row, EXACT_DUPLICATE, "same bytes", originals[row.sha256]))
            continue
        originals[row.sha256] = row.path
        if row.path != best and drop_near:
            rejected.append(rejected_row(row, NEAR_DUPLICATE, "nearly the same picture", best))
        else:
            kept.append(row.Index)
    return kept, rejected
