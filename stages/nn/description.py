"""What stands beside the saved model: its weights alone, its summary, and its layers to draw."""

import dataclasses
import os
from pathlib import Path
from unittest import mock

import keras

from stages.common.plots_layers import Box
from stages.nn.blocks import networks_of

WEIGHTS_FILE = "classifier.weights.h5"
SUMMARY_FILE = "summary.txt"
WIDTH = 110  # characters of a line


def save_description(folder: Path, model: keras.Model) -> None:
    """Writes the weights alone and the summary into a folder that is not in use yet.

    `load_weights` takes the weights into a model of the same layers.
    """
    folder = Path(folder)
    model.save_weights(folder / WEIGHTS_FILE)
    (folder / SUMMARY_FILE).write_text(summary_text(model), encoding="utf-8")


def summary_text(model: keras.Model) -> str:
    """Keras's summaries of the whole model and then of each model inside it, at any depth.

    The same on every terminal: Keras cuts its tables at the terminal's width, whatever it is
    asked for, so that the width is set here.
    """
    tables = []
    with mock.patch.dict(os.environ, {"COLUMNS": str(WIDTH), "LINES": "50"}):
        for part in _with_inner(model):
            part.summary(line_length=WIDTH, print_fn=tables.append)
    lines = "\n".join(tables).splitlines()
    return "\n".join(line.rstrip() for line in lines).rstrip() + "\n"


def _with_inner(model: keras.Model) -> list[keras.Model]:
    inner = [layer for layer in model.layers if isinstance(layer, keras.Model)]
    return [model, *(part for each in inner for part in _with_inner(each))]


def architecture(backbone: keras.Model, head: keras.Model, names: list[str]) -> list[Box]:
    """The whole model to draw: a box for each network of the backbone, one for each layer after.

    Args:
        backbone: from `backbones.build_backbone`.
        head: from `heads.build_head`.
        names: of the backbone's networks, in their order. Their layers, hundreds in most, stand
            in the summary.
    """
    networks = networks_of(backbone)
    found = [Box("pixels", "InputLayer", tuple(backbone.input_shape[1:]), 0, [])]
    for name, network in zip(names, networks, strict=True):
        shape = tuple(network.output_shape[1:])
        found.append(Box(name, "network with preprocessing", shape, network.count_params(), [0]))
    if len(networks) > 1:
        several = list(range(1, len(found)))
        shape = tuple(backbone.output_shape[1:])
        found.append(Box("fusion", "one grid, side by side", shape, 0, several))
    maps = len(found) - 1
    for box in boxes(head)[1:]:  # the first is the input of the head: the maps
        sources = [source + maps for source in box.sources]
        found.append(dataclasses.replace(box, sources=sources))
    return found


def boxes(model: keras.Model) -> list[Box]:
    """The layers of a model in the order in which they are computed.

    Inputs are read from the model's configuration, which is what Keras saves.
    """
    found, index = [], {}
    by_name = {operation.name: operation for operation in model.operations}
    for number, layer in enumerate(model.get_config()["layers"]):
        operation = by_name[layer["name"]]
        parameters = operation.count_params() if isinstance(operation, keras.Layer) else 0
        sources = sorted({index[name] for name in _input_names(layer["inbound_nodes"])})
        shape = tuple(operation.output.shape[1:])
        found.append(Box(layer["name"], layer["class_name"], shape, parameters, sources))
        index[layer["name"]] = number
    return found


def _input_names(nodes) -> set[str]:
    """Names of the layers that inbound_nodes, nested lists and dicts, take their input from."""
    if isinstance(nodes, dict):
        own = {nodes["keras_history"][0]} if "keras_history" in nodes else set()
        return own.union(*map(_input_names, nodes.values()))
    if isinstance(nodes, list | tuple):
        return set().union(*map(_input_names, nodes))
    return set()
