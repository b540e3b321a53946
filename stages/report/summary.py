"""What the page says first: the headline numbers, and what to bear in mind with them."""

import dataclasses
from pathlib import Path

import pandas as pd

from stages.report.numbers import Cell, fold, readable, show

HEADLINES = ("accuracy", "balanced_accuracy", "f1_macro", "roc_auc")
SMALL_TEST = 200  # images; below, one more or fewer right moves accuracy by half a per cent
SMALL_CLASS = 20  # test images
IMBALANCE = 3  # largest class of train over the smallest


@dataclasses.dataclass(frozen=True)
class Headline:
    """A number of the test, its interval, and the same on val."""

    name: str
    test: Cell
    val: str


def headlines(evaluate: dict) -> list[Headline]:
    """The numbers of HEADLINES that the test has, in that order."""
    test, val = (fold(evaluate.get(name, {})) for name in ("test", "val"))
    return [
        Headline(readable(key), test[key], val[key].text if key in val else "–")
        for key in HEADLINES
        if key in test
    ]


def cautions(metrics: dict[str, dict], label_errors: int | None) -> list[str]:
    """Sentences on what limits these results, each from a number of the metrics.

    Args:
        metrics: content of each metrics file, by the name of its stage.
        label_errors: likely ones that the diagnosis found; None if it was not made.
    """
    found = []
    test = metrics.get("evaluate", {}).get("test", {})
    n = test.get("n_examples")
    if n and n < SMALL_TEST:
        found.append(
            f"The test has {n:,} pictures: one more or fewer right moves accuracy by {show(1 / n)}."
        )
    if test and not any(key.endswith("_low") for key in test):
        found.append("No intervals were computed for the metrics.")
    supports = {name: row.get("support") for name, row in test.get("per_class", {}).items()}
    small = {k: v for k, v in supports.items() if v is not None and v < SMALL_CLASS}
    if small:
        shown = ", ".join(f"{name} ({count})" for name, count in list(small.items())[:8])
        more = f" and {len(small) - 8} more" if len(small) > 8 else ""
        found.append(f"Fewer than {SMALL_CLASS} test pictures of a class: {shown}{more}.")
    train = metrics.get("split", {}).get("train", {}).get("per_class", {})
    if train and min(train.values()) and max(train.values()) / min(train.values()) >= IMBALANCE:
        ratio = max(train.values()) / min(train.values())
        found.append(f"Classes are unbalanced in training: {ratio:.1f} to 1.")
    if label_errors:
        found.append(f"Likely label errors found: {label_errors:,}; see the diagnosis.")
    conflicts = metrics.get("clean", {}).get("rejected_by_reason", {}).get("label_conflict")
    if conflicts:
        found.append(f"Files dropped as the same picture under two labels: {conflicts:,}.")
    return found


def count_label_errors(folder: Path | None) -> int | None:
    """Rows of the diagnosis's label_errors.csv; None where it was not made."""
    path = folder / "label_errors.csv" if folder else None
    if path is None or not path.is_file():
        return None
    return len(pd.read_csv(path, dtype=str))
