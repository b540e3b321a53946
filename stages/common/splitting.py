"""Train, validation and test: stratified by class, near-duplicate groups kept together."""

import zlib

import numpy as np
import pandas as pd

from stages.common.errors import StageError
from stages.common.tables import SPLITS


def assign_splits(manifest: pd.DataFrame, val: float, test: float, seed: int) -> pd.Series:
    """Names a split for every picture.

    Pictures with a given split keep it. Where the source gives no val (or no test), that one is
    taken out of its train. Each class is divided by itself: its groups, shuffled and then the
    largest first, go to the split that lacks most pictures, so that each class's counts are
    exact to within one group and every split holds at least one group of every class. The
    order starts from image ids, so that renamed or moved files stay where they are.

    Args:
        manifest: columns image_id, label, given_split, group.
        val: fraction of each class for validation.
        test: fraction of each class for the test.
        seed: of the shuffle.

    Returns:
        "train", "val" or "test" for each row, on the manifest's index.

    Raises:
        StageError: naming each class with too few pictures, or missing from a given split.
    """
    given = manifest["given_split"].fillna("train")
    present = set(manifest["given_split"].dropna())
    wanted = {
        name: fraction for name, fraction in (("val", val), ("test", test)) if name not in present
    }
    split = given.copy()
    problems = []
    units = _units(manifest[given == "train"])
    labels = sorted(manifest["label"].unique())
    for label in labels:
        own = units[units["label"] == label]
        if len(own) < len(wanted) + 1:
            names = ", ".join(["train", *wanted])
            problems.append(
                f"class {label!r}: expected at least {len(wanted) + 1} distinct pictures to share "
                f"out ({names}). Received: {len(own)}"
            )
            continue
        shuffled = own.sample(
            frac=1, random_state=np.random.default_rng([seed, zlib.crc32(label.encode())])
        ).sort_values("size", ascending=False, kind="stable")
        names = _deal(shuffled["size"].to_list(), wanted)
        chosen = dict(zip(shuffled["group"], names, strict=True))
        rows = (given == "train") & manifest["group"].isin(list(chosen))
        split[rows] = manifest.loc[rows, "group"].map(chosen)
    if not problems:
        problems = [
            f"class {label!r}: expected pictures in {name}. Received: none"
            for label in labels
            for name in SPLITS
            if not ((manifest["label"] == label) & (split == name)).any()
        ]
    if problems:
        raise StageError(
            "The pictures cannot be divided into train, val and test:\n  "
            + "\n  ".join(problems)
            + "\nAdd pictures of these classes, or remove or merge the classes."
        )
    return split


def find_leaks(manifest: pd.DataFrame, split: pd.Series) -> list[dict]:
    """Lists pictures whose near-duplicate group also stands in another split.

    Only given splits can leak; `assign_splits` never divides a group. Of a group across train
    and test the train picture is listed, across val and test the val picture: the split that
    judges is left as it was given.

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


def _units(rows: pd.DataFrame) -> pd.DataFrame:
    """One row per group: its commonest label, its size; ordered by content, not by name."""
    ordered = rows.sort_values("image_id", kind="stable")
    grouped = ordered.groupby("group", sort=False)
    return pd.DataFrame(
        {
            "label": grouped["label"].agg(lambda labels: labels.value_counts().idxmax()),
            "size": grouped.size(),
        }
    ).reset_index()


def _deal(sizes: list[int], wanted: dict[str, float]) -> list[str]:
    """Deals groups, largest first, to the split that lacks most; none stays empty."""
    total = sum(sizes)
    lacking = {name: max(1, round(total * fraction)) for name, fraction in wanted.items()}
    lacking = {"train": total - sum(lacking.values()), **lacking}
    empty = set(lacking)
    dealt = []
    for index, size in enumerate(sizes):
        # With no more groups left than empty splits, each of those must get one.
        among = empty if len(sizes) - index <= len(empty) else set(lacking)
        name = max((name for name in lacking if name in among), key=lambda name: lacking[name])
        lacking[name] -= size
        empty.discard(name)
        dealt.append(name)
    return dealt
