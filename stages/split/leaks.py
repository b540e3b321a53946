"""Leaks: images of which a near copy stands in another split, as given splits may have it."""

from pathlib import Path

import pandas as pd

from common.errors import StageError
from common.tables.dataset import SPLITS
from common.tables.storage import write_csv

LEAKS_COLUMNS = ["path", "label", "split", "group", "other_path", "other_split", "action"]
NAMED = 10  # leaks in an error message

# By split.leakage: the action recorded for a leaking image; None: the stage stops with an error.
ACTIONS = {"drop_train": "dropped", "error": None, "allow": "kept"}


def find_leaks(manifest: pd.DataFrame, split: pd.Series) -> list[dict]:
    """Lists images whose near-duplicate group also stands in another split.

    Only given splits can leak; `assign_splits` never divides a group. Of a group across train
    and test the train image is listed, across val and test the val image: the split that
    measures the model more finally stays as it was given.

    Args:
        manifest: columns path, label, group.
        split: "train", "val" or "test" for each row.

    Returns:
        Dicts of `index` (into manifest), path, label, split, group, other_path, other_split.
    """
    rank = split.map(SPLITS.index)
    frame = manifest.assign(split=split, rank=rank)
    highest = frame.sort_values(["rank", "path"], ascending=[False, True]).groupby("group").first()
    leaking = frame[frame["rank"] < frame["group"].map(highest["rank"])]
    return [
        {
            "index": index,
            "path": row["path"],
            "label": row["label"],
            "split": row["split"],
            "group": int(row["group"]),
            "other_path": highest.loc[row["group"], "path"],
            "other_split": highest.loc[row["group"], "split"],
        }
        for index, row in leaking.iterrows()
    ]


def given_splits(manifest: pd.DataFrame) -> pd.Series:
    """The given split of every image; what has none is train, of which others may be drawn."""
    return manifest["given_split"].fillna("train")


def resolve_leaks(manifest: pd.DataFrame, leakage: str) -> tuple[pd.DataFrame, list[dict]]:
    """Handles near copies across a given split as `split.leakage` says.

    Args:
        manifest: columns path, label, group, given_split.
        leakage: a key of ACTIONS.

    Returns:
        The manifest without the dropped rows, and the leaks with their `action`.

    Raises:
        StageError: with the first leaks, where `leakage` is "error".
    """
    leaks = find_leaks(manifest, given_splits(manifest))
    action = ACTIONS[leakage]
    if leaks and action is None:
        pairs = "\n  ".join(
            f"{leak['path']} ({leak['split']}) ~ {leak['other_path']} ({leak['other_split']})"
            for leak in leaks[:NAMED]
        )
        raise StageError(
            f"Expected no image of one split to return in another (split.leakage: {leakage}). "
            f"Received {len(leaks)}:\n  {pairs}\nRemove one of each pair, or set split.leakage "
            "to drop_train."
        )
    if action == "dropped":
        manifest = manifest.drop(index=[leak["index"] for leak in leaks])
    return manifest, [leak | {"action": action} for leak in leaks]


def in_split(leaks: list[dict], split: pd.Series) -> list[dict]:
    """The leaks with the split in which each stands at last: of train some are drawn for val."""
    return [leak | {"split": split.get(leak["index"], leak["split"])} for leak in leaks]


def write_leaks(path: Path, leaks: list[dict]) -> None:
    """Writes the near copies that stood across a given split, and what was done with them."""
    write_csv(path, pd.DataFrame(leaks, columns=LEAKS_COLUMNS))
