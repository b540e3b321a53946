"""Headline numbers of the test, and cautions: the limits of these numbers."""

import dataclasses

from stages.report.numbers import ABSENT, LOW, Cell, fold, listed, readable, show

FIRST_SCREEN = ("accuracy", "balanced_accuracy", "f1_macro", "roc_auc")
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
    """The numbers of FIRST_SCREEN that the test has, in that order."""
    test, val = (fold(evaluate.get(name, {})) for name in ("test", "val"))
    return [
        Headline(readable(key), test[key], val[key].text if key in val else ABSENT)
        for key in FIRST_SCREEN
        if key in test
    ]


def cautions(metrics: dict[str, dict], label_errors: int | None) -> list[str]:
    """Sentences on the limits of these results, each from a number of the metrics.

    Args:
        metrics: content of each metrics file, by the name of its stage.
        label_errors: likely ones that the diagnosis found; None if it was not made.
    """
    sentences = []
    test = metrics.get("evaluate", {}).get("test", {})
    n_test = test.get("n_examples")
    if n_test and n_test < SMALL_TEST:
        sentences.append(
            f"The test has {n_test:,} pictures: one more or fewer right moves accuracy by "
            f"{show(1 / n_test)}."
        )
    if test and not any(key.endswith(LOW) for key in test):
        sentences.append("No intervals were computed for the metrics.")
    supports = {name: row.get("support") for name, row in test.get("per_class", {}).items()}
    small = {name: n for name, n in supports.items() if n is not None and n < SMALL_CLASS}
    if small:
        classes = listed([f"{name} ({count})" for name, count in small.items()])
        sentences.append(f"Fewer than {SMALL_CLASS} test pictures of a class: {classes}.")
    train = metrics.get("split", {}).get("train", {}).get("per_class", {})
    if train and min(train.values()) and max(train.values()) / min(train.values()) >= IMBALANCE:
        ratio = max(train.values()) / min(train.values())
        sentences.append(f"Classes are unbalanced in training: {ratio:.1f} to 1.")
    if label_errors:
        sentences.append(f"Likely label errors found: {label_errors:,}; see the diagnosis.")
    conflicts = metrics.get("clean", {}).get("rejected_by_reason", {}).get("label_conflict")
    if conflicts:
        sentences.append(f"Files dropped as the same picture under two labels: {conflicts:,}.")
    return sentences
