"""The plot of an ensemble beside its members."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from common.plots.style import colour_of, drawing, shorten
from common.tables.dataset import PREDICTED_SPLITS

PANELS = (("accuracy", "accuracy, fraction"), ("loss", "cross-entropy, nats"))


class Row(NamedTuple):
    """A line of the plot.

    Attributes:
        name: left of it.
        scores: split to metric to number.
        together: whether it is an ensemble, which stands on a grey ground.
    """

    name: str
    scores: dict[str, dict]
    together: bool


def rows_of(members: dict[str, dict], ensembles: dict[str, dict]) -> list[Row]:
    """All members, best on validation first, and the ensembles below them.

    Args:
        members: name to weight and scores by split.
        ensembles: name to scores by split.
    """
    rows = [
        Row(f"{name} ({members[name]['weight']:.2f})", members[name], False)
        for name in sorted(members, key=lambda name: members[name]["val"]["loss"])
    ]
    return rows + [
        Row(f"{kind} of all" if kind == "average" else kind, scores, True)
        for kind, scores in ensembles.items()
    ]


def plot_members(
    path: Path, members: dict[str, dict], ensembles: dict[str, dict], best: str
) -> None:
    """Draws accuracy and cross-entropy of val and test as dots.

    Args:
        path: the PNG.
        members: name to weight and scores by split.
        ensembles: average and greedy, to scores by split.
        best: name of the member that is best on validation.
    """
    test = ensembles["greedy"]["test"]
    title = (
        f"Members (weight in the greedy selection) and ensembles. Greedy against {best}:\n"
        f"of {test['n_examples']} test pictures {test['gain']['wrong_to_right']} "
        f"turn right, {test['gain']['right_to_wrong']} wrong"
    )
    rows = rows_of(members, ensembles)
    y = np.arange(len(rows))
    with drawing(path, 11, 1.5 + 0.4 * max(2, len(rows)), 1, 2, sharey=True) as (figure, axes):
        for ax, (metric, label) in zip(axes, PANELS, strict=True):
            for place in np.flatnonzero([row.together for row in rows]):
                ax.axhspan(place - 0.5, place + 0.5, color="#eeeeee", linewidth=0)
            values_of = {
                split: [row.scores[split][metric] for row in rows] for split in PREDICTED_SPLITS
            }
            ax.hlines(y, *values_of.values(), color="#bbbbbb", linewidth=1.5)
            for index, (split, values) in enumerate(values_of.items()):
                ax.plot(values, y, "Do"[index], color=colour_of(index), label=split, markersize=8)
            ax.set(xlabel=label)
            ax.margins(x=0.08)
        axes[0].set_yticks(y, [shorten(row.name, 40) for row in rows])
        axes[0].set_ylim(len(rows) - 0.5, -0.5)
        figure.suptitle(title)
        handles, labels = axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside right upper")
