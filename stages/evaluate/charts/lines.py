"""Line charts: ROC and precision-recall curves, coverage, thresholds."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from common.plots.style import COLOURS, colour_of, drawing, shorten

DARK, PALE = "#222222", "#bbbbbb"
_STYLES = ("-", "--", "-.")


@dataclass(frozen=True)
class Line:
    """A curve.

    Attributes:
        name: in the legend.
        x: float (n,).
        y: float (n,).
    """

    name: str
    x: np.ndarray
    y: np.ndarray


def draw_curves(
    path: Path,
    title: str,
    axis_names: tuple[str, str],
    classes: Sequence[Line],
    averages: Sequence[Line],
    chance: float | None,
) -> None:
    """ROC or precision-recall curves on the unit square.

    Args:
        path: the PNG.
        title: above it.
        axis_names: of x and y.
        classes: a line for each class.
        averages: micro and macro, drawn in black.
        chance: height of a dotted line, what guessing gives on average; None draws the diagonal.
    """
    with drawing(path, 8.6, 5.4) as (figure, ax):
        for index, line in enumerate(classes):
            style = _STYLES[(index // len(COLOURS)) % 3]
            name = shorten(line.name, 34)
            ax.plot(line.x, line.y, style, color=colour_of(index), label=name, linewidth=1.3)
        for index, line in enumerate(averages):
            ax.plot(line.x, line.y, _STYLES[index], color=DARK, label=line.name, linewidth=2.2)
        if chance is None:
            ax.plot([0, 1], [0, 1], ":", color="#777777", label="chance")
        else:
            ax.axhline(chance, linestyle=":", color="#777777", label="chance, mean of classes")
        ax.set(title=title, xlabel=axis_names[0], ylabel=axis_names[1])
        ax.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
        figure.legend(loc="outside right upper", fontsize=10 if len(classes) <= 8 else 9)


def draw_coverage(
    path: Path,
    title: str,
    lines: dict[str, tuple[np.ndarray, np.ndarray]],
    marks: dict[str, tuple[float, float]],
    mark_name: str,
) -> None:
    """Accuracy on the answered images against coverage.

    Args:
        path: the PNG.
        title: above it.
        lines: split to (coverage, accuracy).
        marks: split to the chosen point, or none.
        mark_name: in the legend.
    """
    with drawing(path, 8.6, 4.8) as (figure, ax):
        lowest = 1.0
        for index, (split, (x, y)) in enumerate(lines.items()):
            colour = colour_of(index)
            ax.plot(x, y, color=colour, label=split, drawstyle="steps-post")
            lowest = min(lowest, float(y[x >= 0.2].min()))
            if split in marks:
                ax.plot(*marks[split], "o", color=colour, markersize=9, mec=DARK)
        if marks:
            ax.plot([], [], "o", color="white", markersize=9, mec=DARK, label=mark_name)
        ax.set(title=title, xlabel="coverage: fraction of the pictures that are answered")
        ax.set(ylabel="accuracy on these, fraction", xlim=(0, 1.02))
        ax.set_ylim(max(0.0, lowest - 0.05), 1.01)
        figure.legend(loc="outside right upper")


def draw_threshold(
    path: Path, title: str, curves_of: dict[str, dict[str, np.ndarray]], chosen: float, name: str
) -> None:
    """Precision, recall and F1 against the threshold.

    Args:
        path: the PNG.
        title: above it.
        curves_of: split to threshold, precision, recall and f1, each (n,).
        chosen: marked by a line.
        name: of the positive class.
    """
    with drawing(path, 8.6, 4.8) as (figure, ax):
        for style, (split, curves) in zip(("--", "-"), curves_of.items(), strict=True):
            for index, metric in enumerate(("precision", "recall", "f1")):
                ax.plot(
                    curves["threshold"],
                    curves[metric],
                    style,
                    color=colour_of(index),
                    label=f"{'F1' if metric == 'f1' else metric}, {split}",
                    alpha=0.75 if style == "--" else 1.0,
                )
        ax.axvline(0.5, color=PALE, linestyle=":", label="0.5")
        ax.axvline(chosen, color=DARK, linestyle=":", label=f"chosen: {chosen:.3f}")
        ax.set(title=title, xlabel=f"least probability of {shorten(name, 30)!r} to answer it")
        ax.set(ylabel="fraction", xlim=(-0.01, 1.01), ylim=(-0.02, 1.04))
        figure.legend(loc="outside right upper")
