"""Choice of test images: for the galleries, for the comparison of methods, and for the tests."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
import pandas as pd

from common import turns

Item = TypeVar("Item")


def choose_for_gallery(
    predictions: pd.DataFrame, label: str, per_class: int
) -> dict[str, list[int]]:
    """Chooses test images of one class: {"right": rows, "wrong": rows}.

    Right ones are spread evenly over the model's confidence; wrong ones are those with the
    highest.

    Args:
        predictions: of the test split, as `tables.read_predictions` gives them.
        label: the class.
        per_class: of right ones and of wrong ones, at most.
    """
    of_class = predictions[predictions["label"] == label]
    chosen = {}
    for kind, candidates in (
        ("right", of_class[of_class["predicted"] == label]),
        ("wrong", of_class[of_class["predicted"] != label]),
    ):
        confidence = candidates.filter(like="p_").max(axis=1)
        ordered = confidence.sort_values(ascending=False, kind="stable").index.to_numpy()
        if kind == "right" and len(ordered) > per_class:
            ordered = ordered[np.linspace(0, len(ordered) - 1, per_class).astype(int)]
        chosen[kind] = ordered[:per_class].tolist()
    return chosen


def choose_for_tests(label: np.ndarray, group: np.ndarray, count: int, seed: int) -> list[int]:
    """At most `count` rows, at random, each class in its turn, near copies once; sorted.

    Args:
        label: int (n,).
        group: int (n,), the same for near copies.
        count: 0 or more.
        seed: of the choice.
    """
    order = np.random.default_rng(seed).permutation(len(label))
    order = order[np.sort(np.unique(group[order], return_index=True)[1])]
    return sorted(order[turns.in_turn(label[order])[:count]].tolist())


def interleave(lists: Sequence[Sequence[Item]]) -> list[Item]:
    """The first of each list, then the second of each, and so on."""
    items = [item for items in lists for item in items]
    numbers = [number for number, items in enumerate(lists) for _ in items]
    return [items[index] for index in turns.in_turn(np.array(numbers, int))]
