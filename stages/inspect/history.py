"""Plot of a training: loss and accuracy by epoch."""

from pathlib import Path

import pandas as pd
from matplotlib.ticker import MaxNLocator

from common.plots.style import colour_of, drawing


def draw_history(path: Path, history: pd.DataFrame, best_epoch: int, loss: str = "auto") -> None:
    """Draws loss and accuracy by epoch, training and validation, with the kept epoch marked.

    Where there is a column `phase`, a line stands between the warm-up and the tuning.

    Args:
        path: the PNG.
        history: from `tables.read_history`.
        best_epoch: the one whose weights were kept, from 1.
        loss: the parameter train.loss.
    """
    unit_of_loss = f"{'focal' if loss == 'focal' else 'cross-entropy'} (nats)"
    phases = list(history.get("phase", []))
    warmup = phases.count("warm-up")
    with drawing(path, 10, 4, 1, 2) as (figure, axes):
        for ax, metric, unit in zip(
            axes, ("loss", "accuracy"), (unit_of_loss, "fraction"), strict=True
        ):
            for index, (key, name) in enumerate(((metric, "train"), (f"val_{metric}", "val"))):
                ax.plot(
                    history["epoch"], history[key], color=colour_of(index), label=name, marker="."
                )
            ax.axvline(
                best_epoch, color="#555555", linestyle=":", label=f"kept: epoch {best_epoch}"
            )
            if 0 < warmup < len(phases):
                ax.axvline(warmup + 0.5, color="#bbbbbb", label="backbone tuned from here")
            ax.set(title=metric.capitalize(), xlabel="epoch", ylabel=f"{metric}, {unit}")
            ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes[0].set_ylim(bottom=0)
        handles, names = axes[1].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside right upper")
