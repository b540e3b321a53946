"""The members of an ensemble beside it, as an image."""

from pathlib import Path

import numpy as np

from common.plots.style import colour_of, drawing, shorten

METRICS = (("accuracy", "accuracy, fraction"), ("loss", "cross-entropy, nats"))


def members(path: Path, title: str, rows: list[tuple[str, dict[str, dict], bool]]) -> None:
    """Draws accuracy and cross-entropy of val and test as dots.

    Args:
        path: the PNG.
        title: above it.
        rows: from top to bottom: name, split to metric to number, and whether it is an ensemble,
            which stands on a grey ground.
    """
    names, scores, together = zip(*rows, strict=True)
    y = np.arange(len(names))
    with drawing(path, 11, 1.5 + 0.4 * max(2, len(names)), 1, 2, sharey=True) as (figure, axes):
        for ax, (metric, label) in zip(axes, METRICS, strict=True):
            for row in np.flatnonzero(together):
                ax.axhspan(row - 0.5, row + 0.5, color="#eeeeee", linewidth=0)
            found = {split: [one[split][metric] for one in scores] for split in ("val", "test")}
            ax.hlines(y, *found.values(), color="#bbbbbb", linewidth=1.5)
            for index, (split, values) in enumerate(found.items()):
                ax.plot(values, y, "Do"[index], color=colour_of(index), label=split, markersize=8)
            ax.set(xlabel=label)
            ax.margins(x=0.08)
        axes[0].set_yticks(y, [shorten(name, 40) for name in names])
        axes[0].set_ylim(len(names) - 0.5, -0.5)
        figure.suptitle(title)
        handles, labels = axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside right upper")
