"""Images of the evaluation: curves, reliability, coverage, thresholds, intervals."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from common.plots.style import COLOURS, colour_of, drawing, shorten

BOTH_PANELS = 12  # classes up to which the confusion matrix is drawn twice
DARK, PALE = "#222222", "#bbbbbb"
_STYLES = ("-", "--", "-.")


@dataclass(frozen=True)
class Line:
    """A curve: name in the legend, x and y (n,); None of the two colours is for classes."""

    name: str
    x: np.ndarray
    y: np.ndarray


@dataclass(frozen=True)
class Dots:
    """A row of a dot plot: its name, and value, low, high of each kind (None: undefined)."""

    name: str
    values: Sequence[tuple[float | None, float | None, float | None]]


def confusion(path: Path, title: str, matrix: np.ndarray, class_names: Sequence[str]) -> None:
    """Confusion matrix: counts, and for few classes beside it the fractions of each true label.

    Args:
        path: the PNG.
        title: above it.
        matrix: int (n_classes, n_classes), true by predicted.
        class_names: in the order of the matrix.
    """
    n = len(class_names)
    side = min(18.0, max(3.4, 0.5 * n))
    panels = 2 if n <= BOTH_PANELS else 1
    fractions = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    with drawing(path, panels * side + 2.6, side + 1.4, 1, panels, squeeze=False) as (figure, axes):
        names = [shorten(name, 18) for name in class_names]
        for panel, ax in enumerate(axes[0]):
            image = ax.imshow(fractions, cmap="Blues", vmin=0, vmax=1)
            for row, column in np.ndindex(matrix.shape):
                if panel:
                    empty = not matrix[row].any()
                    text = "–" if empty else f"{fractions[row, column]:.0%}"
                    text = f"{fractions[row, column]:.1%}" if n <= 5 and not empty else text
                else:
                    text = f"{matrix[row, column]}"
                if matrix[row, column] or n <= 5:
                    ax.text(
                        column,
                        row,
                        text,
                        ha="center",
                        va="center",
                        color="white" if fractions[row, column] > 0.5 else "black",
                        fontsize=11 if n <= 5 else 8,
                    )
            turned = n > 3
            ax.set_xticks(range(n), names, rotation=45 * turned, ha="right" if turned else "center")
            ax.set_yticks(range(n), names if panel == 0 else [""] * n)
            ax.grid(visible=False)
            ax.set(
                title="of each true label" if panel else "pictures",
                xlabel="predicted",
                ylabel="" if panel else "true label",
            )
        figure.colorbar(image, ax=axes[0].tolist(), label="fraction of the true label", shrink=0.8)
        figure.suptitle(title, fontsize=12)


def curves(
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


def reliability(path: Path, title: str, panels: dict[str, dict[str, np.ndarray]]) -> None:
    """Accuracy by confidence, and how many images each bin has, one column per panel.

    Args:
        path: the PNG.
        title: above it.
        panels: heading to what `calibration.reliability` found.
    """
    with drawing(
        path,
        5.0 * len(panels),
        5.6,
        2,
        len(panels),
        squeeze=False,
        sharex=True,
        gridspec_kw={"height_ratios": [3, 1]},
    ) as (figure, axes):
        most = max(int(found["count"].max()) for found in panels.values())
        for (heading, found), (upper, lower) in zip(panels.items(), axes.T, strict=True):
            middle = (found["low"] + found["high"]) / 2
            width = found["high"][0] - found["low"][0]
            full = found["count"] > 0
            upper.bar(
                middle[full],
                found["accuracy"][full],
                width * 0.92,
                color=colour_of(0),
                alpha=0.75,
                label="accuracy",
            )
            upper.plot(
                middle[full],
                found["confidence"][full],
                "_",
                color=colour_of(5),
                markersize=15,
                markeredgewidth=2.5,
                label="mean confidence",
            )
            upper.plot([0, 1], [0, 1], ":", color="#777777", label="calibrated")
            upper.set(title=heading, ylabel="accuracy, fraction", xlim=(0, 1), ylim=(0, 1.04))
            lower.bar(middle, found["count"], width * 0.92, color="#777777")
            for x, count in zip(middle[full], found["count"][full], strict=True):
                lower.annotate(
                    f"{count:,}",
                    (x, count),
                    (0, 2),
                    textcoords="offset points",
                    ha="center",
                    fontsize=8,
                )
            lower.set(xlabel="confidence (probability of the top class)", ylabel="pictures")
            lower.set_ylim(0, most * 1.25)
        handles, names = axes[0, 0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside lower center", ncols=3)
        figure.suptitle(title, fontsize=12)


def coverage(
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


def threshold(
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
        for style, (split, found) in zip(("--", "-"), curves_of.items(), strict=True):
            for index, metric in enumerate(("precision", "recall", "f1")):
                ax.plot(
                    found["threshold"],
                    found[metric],
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


def dots(path: Path, title: str, kinds: Sequence[str], rows: Sequence[Dots], x_label: str) -> None:
    """Values with the whiskers of their intervals, a row for each name, one dot per kind.

    Args:
        path: the PNG.
        title: above it.
        kinds: names of the values of a row.
        rows: from above to below.
        x_label: of the axis.
    """
    gap = 0.24 if len(kinds) > 1 else 0.0
    step = 0.27 + 0.12 * len(kinds)
    with drawing(path, 9.0, 1.5 + step * max(2, len(rows))) as (figure, ax):
        lowest = 1.0
        for index, kind in enumerate(kinds):
            marker, label = "osD"[index % 3], kind
            for place, row in enumerate(rows):
                value, low, high = row.values[index]
                if value is None:
                    continue
                y = place + (index - (len(kinds) - 1) / 2) * gap
                lowest = min(lowest, low)
                ax.plot([low, high], [y, y], color=colour_of(index), alpha=0.55, linewidth=2.4)
                ax.plot(value, y, marker, color=colour_of(index), label=label, markersize=6)
                label = None
        ax.set_yticks(range(len(rows)), [row.name for row in rows], fontsize=9)
        ax.set_ylim(max(2, len(rows)) - 0.4, -0.6)
        ax.grid(axis="y", visible=False)
        for place in range(len(rows) - 1):
            ax.axhline(place + 0.5, color="#eeeeee", linewidth=0.8, zorder=0)
        ax.set_xlim(max(-0.01, lowest - 0.05), 1.01)
        ax.set(title=title, xlabel=x_label)
        if len(kinds) > 1:
            figure.legend(loc="outside right upper")
