"""Train, validation and test, near-duplicate groups kept together."""

import hashlib
import zlib

import numpy as np
import pandas as pd

from common.errors import StageError
from common.tables import SPLITS


def assign_splits(
    manifest: pd.DataFrame, val: float, test: float, seed: int, assign: str = "exact"
) -> pd.Series:
    """Names a split for every image.

    Images with a given split keep it. Where the source gives no val (or no test), that one is
    taken out of its train. Neither way do names, folders or the order of files matter.

    "exact" divides each class by itself: its groups, shuffled and then the largest first, go to
    the split that lacks most images, so that each class's counts are exact to within one group
    and every split holds at least one group of every class. Adding images to a class deals it
    anew.

    "stable" draws each group's place from a hash of the seed and its smallest image id, and of
    nothing else, so that a group stays where it is whatever is added, removed or relabelled
    elsewhere. Its price is exactness: of a class with n groups a fraction p is binomial, n p
    give or take sqrt(n p (1 - p)). A group of k images that gains one keeps its place unless
    the newcomer has the smallest id (1 in k + 1) and another place; no rule that knows the
    present images alone can do without that, since {a}, {a, b} and {b} would all have to agree.
    The same goes for an image that clean replaces by a better copy of itself.

    Args:
        manifest: columns image_id, label, given_split, group.
        val: fraction of each class for validation.
        test: fraction of each class for the test.
        seed: of the shuffle or the hash.
        assign: "exact" or "stable".

    Returns:
        "train", "val" or "test" for each row, on the manifest's index.

    Raises:
        StageError: naming each class with too few images, or missing from a split.
    """
    if assign not in ("exact", "stable"):
        raise ValueError(f"Expected assign to be exact or stable. Received: assign={assign!r}")
    given = manifest["given_split"].fillna("train")
    present = set(manifest["given_split"].dropna())
    wanted = {
        name: fraction for name, fraction in (("val", val), ("test", test)) if name not in present
    }
    units = _units(manifest[given == "train"])
    labels = sorted(manifest["label"].unique())
    problems = _too_few(units, labels, wanted) if assign == "exact" else []
    split = given
    if not problems:
        chosen = _exact(units, wanted, seed) if assign == "exact" else _stable(units, wanted, seed)
        split = given.where(given != "train", manifest["group"].map(chosen))
        problems = [
            f"class {label!r}: expected pictures in {name}. Received: none"
            for label in labels
            for name in SPLITS
            if not ((manifest["label"] == label) & (split == name)).any()
        ]
    if problems:
        other = ", or set split.assign: exact" if assign == "stable" else ""
        raise StageError(
            "The pictures cannot be divided into train, val and test:\n  "
            + "\n  ".join(problems)
            + f"\nAdd pictures of these classes, or remove or merge the classes{other}."
        )
    return split


def find_leaks(manifest: pd.DataFrame, split: pd.Series) -> list[dict]:
    """Lists images whose near-duplicate group also stands in another split.

    Only given splits can leak; `assign_splits` never divides a group. Of a group across train
    and test the train image is listed, across val and test the val image: the split that
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
    """One row per group: its commonest label, size and smallest id; ordered by content."""
    ordered = rows.sort_values("image_id", kind="stable")
    grouped = ordered.groupby("group", sort=False)
    tally = ordered.groupby(["group", "label"], sort=False).size().rename("n").reset_index()
    commonest = tally.sort_values("n", ascending=False, kind="stable").drop_duplicates("group")
    return pd.DataFrame(
        {
            "size": grouped.size(),
            "label": commonest.set_index("group")["label"],
            "identity": grouped["image_id"].first(),
        }
    ).reset_index()


def _too_few(units: pd.DataFrame, labels: list[str], wanted: dict[str, float]) -> list[str]:
    """Says which classes have fewer groups than there are splits to fill."""
    names = ", ".join(name for name in SPLITS if name == "train" or name in wanted)
    sizes = {label: int((units["label"] == label).sum()) for label in labels}
    return [
        f"class {label!r}: expected at least {len(wanted) + 1} distinct pictures to share out "
        f"({names}). Received: {size}"
        for label, size in sizes.items()
        if size < len(wanted) + 1
    ]


def _exact(units: pd.DataFrame, wanted: dict[str, float], seed: int) -> dict[int, str]:
    """The split of each group, its class's counts exact to one group."""
    chosen = {}
    for label, own in units.groupby("label"):
        shuffled = own.sample(
            frac=1, random_state=np.random.default_rng([seed, zlib.crc32(label.encode())])
        ).sort_values("size", ascending=False, kind="stable")
        names = _deal(shuffled["size"].to_list(), wanted)
        chosen |= dict(zip(shuffled["group"], names, strict=True))
    return chosen


def _stable(units: pd.DataFrame, wanted: dict[str, float], seed: int) -> dict[int, str]:
    """The split of each group, from nothing but the seed and the group's smallest image id."""
    names = [*sorted(wanted), "train"]  # test first: it stays when the share of val changes
    bounds = np.cumsum([wanted[name] for name in names[:-1]])

    def place(identity: str) -> str:
        digest = hashlib.sha256(f"{seed} {identity}".encode()).digest()
        uniform = int.from_bytes(digest[:8], "big") / 2**64  # in [0, 1]; 1 is train too
        return names[np.searchsorted(bounds, uniform, side="right")]

    return dict(zip(units["group"], units["identity"].map(place), strict=True))


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
