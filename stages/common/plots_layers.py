"""The drawing of a network's layers: boxes from top to bottom, arrows along the data."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from matplotlib.patches import FancyArrowPatch, Rectangle

from stages.common.plots import canvas, colour_of, shorten

ROW, BOX = 0.62, 0.46  # inches from box to box, and height of a box
WIDTH, SIDE = 5.4, 1.6  # inches: width of a box, room beside them for arrows that pass others


@dataclasses.dataclass(frozen=True)
class Box:
    """A layer.

    Attributes:
        name: of the layer.
        kind: its class.
        shape: of its output, without the batch.
        parameters: how many numbers it holds.
        sources: indices of the layers that it takes its input from.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    parameters: int
    sources: Sequence[int]


def layers(path: Path, title: str, boxes: Sequence[Box]) -> None:
    """Draws one box per layer: name and class at the left, output shape and parameters right.

    An arrow to the next box goes straight down; one that passes others bends beside them. Layers
    with parameters are tinted.
    """
    height = ROW * len(boxes) + 0.7
    with canvas(path, WIDTH + SIDE + 0.4, height) as figure:
        ax = figure.add_axes((0, 0, 1, 1))
        ax.set(xlim=(-0.3, WIDTH + SIDE + 0.1), ylim=(height, 0))
        ax.axis("off")
        ax.text(0, 0.35, title, fontsize=13, va="center")
        for index, box in enumerate(boxes):
            _draw_box(ax, 0.6 + ROW * index, box)
            for source in box.sources:
                _draw_arrow(ax, source, index)


def _draw_box(ax, top: float, box: Box) -> None:
    tint = colour_of(4) if box.parameters else "#eeeeee"
    ax.add_patch(
        Rectangle((0, top), WIDTH, BOX, facecolor=tint, edgecolor="#333333", alpha=0.45, lw=1)
    )
    ax.text(0.12, top + 0.16, shorten(box.name, 34), va="center", fontsize=10, weight="bold")
    ax.text(0.12, top + 0.34, shorten(box.kind, 38), va="center", fontsize=8.5)
    shape = " x ".join(map(str, box.shape))
    ax.text(WIDTH - 0.12, top + 0.16, shape, va="center", ha="right", fontsize=10)
    if box.parameters:
        text = f"{box.parameters:,} parameters"
        ax.text(WIDTH - 0.12, top + 0.34, text, va="center", ha="right", fontsize=8.5)


def _draw_arrow(ax, source: int, target: int) -> None:
    middle = 0.6 + BOX / 2
    passed = target - source - 1
    if passed == 0:
        ends = [(WIDTH / 2, 0.6 + ROW * source + BOX), (WIDTH / 2, 0.6 + ROW * target)]
        bend = None
    else:
        ends = [(WIDTH, middle + ROW * source), (WIDTH, middle - 0.1 + ROW * target)]
        # A bend of b reaches b / 2 times the arrow's length to the side; the axis points down.
        reach = min(SIDE - 0.2, 0.25 + 0.2 * passed)
        bend = f"arc3,rad={-2 * reach / (ends[1][1] - ends[0][1])}"
    style = {"arrowstyle": "-|>", "mutation_scale": 10, "color": "#333333", "lw": 1}
    ax.add_patch(
        FancyArrowPatch(*ends, connectionstyle=bend or "arc3", shrinkA=0, shrinkB=0, **style)
    )
