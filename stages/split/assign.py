"""Assignment of images to train, val and test; near-duplicate groups stay together."""

import hashlib
import zlib
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd

from common.errors import StageError
from common.tables.dataset import SPLITS
from stages.split.leaks import given_splits


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
        assign: a key of RULES.

    Returns:
        "train", "val" or "test" for each row, on the manifest's index.

    Raises:
        StageError: naming each class with too few images, or missing from a split.
    """
    if assign not in RULES:
        raise ValueError(f"Expected assign to be one of {', '.join(RULES)}. Received: {assign=}")
    rule = RULES[assign]
    given = given_splits(manifest)
    provided = set(manifest["given_split"].dropna())
    fractions = {
        name: fraction for name, fraction in (("val", val), ("test", test)) if name not in provided
    }
    groups = _groups(manifest[given == "train"])
    labels = sorted(manifest["label"].unique())
    problems = _too_few(groups, labels, fractions) if rule.fills_every_split else []
    split = given
    if not problems:
        split_of_group = rule.assign(groups, fractions, seed)
        split = given.where(given != "train", manifest["group"].map(split_of_group))
        problems = [
            f"class {label!r}: expected images in {name}. Received: none"
            for label in labels
            for name in SPLITS
            if not ((manifest["label"] == label) & (split == name)).any()
        ]
    if problems:
        way_out = "" if rule.fills_every_split else ", or set split.assign: exact"
        raise StageError(
            "The images cannot be divided into train, val and test:\n  "
            + "\n  ".join(problems)
            + f"\nAdd images of these classes, or remove or merge the classes{way_out}."
        )
    return split


def _groups(rows: pd.DataFrame) -> pd.DataFrame:
    """One row per group: its commonest label, size and smallest id; ordered by content."""
    ordered = rows.sort_values("image_id", kind="stable")
    grouped = ordered.groupby("group", sort=False)
    tally = ordered.groupby(["group", "label"], sort=False).size().rename("n").reset_index()
    commonest = tally.sort_values("n", ascending=False, kind="stable").drop_duplicates("group")
    return pd.DataFrame(
        {
            "size": grouped.size(),
            "label": commonest.set_index("group")["label"],
            "smallest_id": grouped["image_id"].first(),
        }
    ).reset_index()


def _too_few(groups: pd.DataFrame, labels: list[str], fractions: dict[str, float]) -> list[str]:
    """A line for each class with fewer groups than there are splits to fill."""
    names = ", ".join(name for name in SPLITS if name == "train" or name in fractions)
    n_groups = {label: int((groups["label"] == label).sum()) for label in labels}
    return [
        f"class {label!r}: expected at least {len(fractions) + 1} distinct images to share out "
        f"({names}). Received: {n}"
        for label, n in n_groups.items()
        if n < len(fractions) + 1
    ]


def _exact(groups: pd.DataFrame, fractions: dict[str, float], seed: int) -> dict[int, str]:
    """The split of each group, its class's counts exact to one group."""
    split_of_group = {}
    for label, of_class in groups.groupby("label"):
        shuffled = of_class.sample(
            frac=1, random_state=np.random.default_rng([seed, zlib.crc32(label.encode())])
        ).sort_values("size", ascending=False, kind="stable")
        names = _deal(shuffled["size"].to_list(), fractions)
        split_of_group |= dict(zip(shuffled["group"], names, strict=True))
    return split_of_group


def _stable(groups: pd.DataFrame, fractions: dict[str, float], seed: int) -> dict[int, str]:
    """The split of each group, from nothing but the seed and the group's smallest image id."""
    names = [*sorted(fractions), "train"]  # test first: it stays when the share of val changes
    bounds = np.cumsum([fractions[name] for name in names[:-1]])

    def place(image_id: str) -> str:
        digest = hashlib.sha256(f"{seed} {image_id}".encode()).digest()
        uniform = int.from_bytes(digest[:8], "big") / 2**64  # in [0, 1]; 1 is train too
        return names[np.searchsorted(bounds, uniform, side="right")]

    return dict(zip(groups["group"], groups["smallest_id"].map(place), strict=True))


def _deal(sizes: list[int], fractions: dict[str, float]) -> list[str]:
    """Deals groups, largest first, to the split that lacks most; none stays empty."""
    total = sum(sizes)
    lacking = {name: max(1, round(total * fraction)) for name, fraction in fractions.items()}
    lacking = {"train": total - sum(lacking.values()), **lacking}
    empty = set(lacking)
    dealt = []
    for index, size in enumerate(sizes):
        # With no more groups left than empty splits, each of those must get one.
        eligible = empty if len(sizes) - index <= len(empty) else set(lacking)
        name = max((name for name in lacking if name in eligible), key=lambda name: lacking[name])
        lacking[name] -= size
        empty.discard(name)
        dealt.append(name)
    return dealt


class Rule(NamedTuple):
    """A way to assign groups to splits.

    Attributes:
        assign: takes the groups, the fraction of each split beside train, and the seed; gives the
            split of each group.
        fills_every_split: whether each class reaches every split, for which it needs as many
            groups as there are splits to fill.
    """

    assign: Callable[[pd.DataFrame, dict[str, float], int], dict[int, str]]
    fills_every_split: bool


RULES = {"exact": Rule(_exact, True), "stable": Rule(_stable, False)}  # by split.assign
