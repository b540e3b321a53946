"""Table of recipes in Markdown: their metrics on test, beside those of their source systems."""

from typing import NamedTuple

from common.values import as_list
from tools.dvc_project.experiments import Outcome
from tools.recipes.reading import Experiment, Reference

HEADER = ("recipe", "variant", "weights", "accuracy", "macro F1", "reference", "time", "status")


class Row(NamedTuple):
    """One experiment's line.

    Attributes:
        experiment: as planned, checked.
        reference: the published result that its recipe names.
        outcome: from DVC; None where it knows nothing of the experiment.
        seconds: wall time, or None.
        reason: why it failed, or None.
    """

    experiment: Experiment
    reference: Reference | None
    outcome: Outcome | None
    seconds: float | None
    reason: str | None


def weights_of(weights: str | list[str]) -> str:
    """The value of `model.weights` in a word: imagenet, random, a file, or several of them."""
    names = ["random" if weight == "none" else weight for weight in as_list(weights)]
    return " + ".join(dict.fromkeys(names))


def render(rows: list[Row]) -> str:
    """A table in Markdown, of the test split, and below it why runs failed."""
    lines = [HEADER, *(_cells(row) for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(HEADER))]
    text = [
        "| " + " | ".join(cell.ljust(n) for cell, n in zip(line, widths, strict=True)) + " |"
        for line in lines
    ]
    text.insert(1, "".join(f"|{'-' * (n + 2)}" for n in widths) + "|")
    text += [f"{row.experiment.name} failed: {row.reason}" for row in rows if row.reason]
    return "\n".join(text)


def _cells(row: Row) -> tuple[str, ...]:
    # Of a failed run, DVC shows the metrics of the commit that it began from.
    test = {} if row.outcome is None or row.reason else row.outcome.test
    return (
        row.experiment.recipe,
        row.experiment.variant or "",
        weights_of(row.experiment.params.model.weights),
        _number(test.get("accuracy")),
        _number(test.get("f1_macro")),
        _reference(row.reference),
        "" if row.seconds is None else f"{row.seconds:.0f} s",
        "failed" if row.reason else "done",
    )


def _reference(reference: Reference | None) -> str:
    if reference is None:
        return "none given"
    return f"{_number(reference.accuracy)}, F1 {_number(reference.f1)}"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
