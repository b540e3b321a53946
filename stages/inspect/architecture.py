"""Diagram of a model: a box for each network and layer, arrows between them.

Boxes stand from top to bottom, arrows run along the data.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import keras
from matplotlib.patches import FancyArrowPatch, Rectangle

from common.plots.style import canvas, colour_of, shorten
from networks.blocks import FUSION, networks_of

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


def architecture(backbone: keras.Model, head: keras.Model, names: list[str]) -> list[Box]:
    """The whole model to draw: a box for each network of the backbone, one for each layer after.

    Args:
        backbone: from `backbones.build.build_backbone`, or opened from a file.
        head: from `heads.build_head`.
        names: of the backbone's networks, in their order. Their layers, hundreds in most, are
            in summary.txt beside the model.
    """
    networks = networks_of(backbone)
    diagram = [Box("pixels", "InputLayer", tuple(backbone.input_shape[1:]), 0, [])]
    for name, network in zip(names, networks, strict=True):
        shape = tuple(network.output_shape[1:])
        diagram.append(Box(name, "network with preprocessing", shape, network.count_params(), [0]))
    if len(networks) > 1:
        sources = list(range(1, len(diagram)))
        shape = tuple(backbone.output_shape[1:])
        diagram.append(Box(FUSION, "one grid, side by side", shape, 0, sources))
    maps = len(diagram) - 1
    for box in boxes(head)[1:]:  # the first is the input of the head: the maps
        sources = [source + maps for source in box.sources]
        diagram.append(dataclasses.replace(box, sources=sources))
    return diagram


def boxes(model: keras.Model) -> list[Box]:
    """The layers of a model in the order in which they are computed.

    Inputs are read from the model's configuration, which is what Keras saves.
    """
    layers, index = [], {}
    by_name = {operation.name: operation for operation in model.operations}
    for number, layer in enumerate(model.get_config()["layers"]):
        operation = by_name[layer["name"]]
        parameters = operation.count_params() if isinstance(operation, keras.Layer) else 0
        sources = sorted({index[name] for name in _input_names(layer["inbound_nodes"])})
        shape = tuple(operation.output.shape[1:])
        layers.append(Box(layer["name"], layer["class_name"], shape, parameters, sources))
        index[layer["name"]] = number
    return layers


def _input_names(nodes) -> set[str]:
    """Names of the layers that inbound_nodes, nested lists and dicts, take their input from."""
    if isinstance(nodes, dict):
        names = {nodes["keras_history"][0]} if "keras_history" in nodes else set()
        return names.union(*map(_input_names, nodes.values()))
    if isinstance(nodes, list | tuple):
        return set().union(*map(_input_names, nodes))
    return set()


def draw_architecture(path: Path, boxes: Sequence[Box], parameters: int) -> None:
    """Draws one box per layer: name and class at the left, output shape and parameters right.

    An arrow to the next box goes straight down; one that passes others bends beside them. Layers
    with parameters are tinted.

    Args:
        path: the PNG.
        boxes: from `architecture`.
        parameters: of the whole model, for the title.
    """
    height = ROW * len(boxes) + 0.7
    with canvas(path, WIDTH + SIDE + 0.4, height) as figure:
        ax = figure.add_axes((0, 0, 1, 1))
        ax.set(xlim=(-0.3, WIDTH + SIDE + 0.1), ylim=(height, 0))
        ax.axis("off")
        title = f"Architecture: {parameters:,} parameters"
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
