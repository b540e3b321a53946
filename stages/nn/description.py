"""What stands beside the saved model: its weights alone, its summary, and its layers to draw."""

import os
from pathlib import Path
from unittest import mock

import keras

from stages.common.plots_layers import Box

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
    """Keras's summaries of the whole model and then of each model inside it.

    The same on every terminal: Keras cuts its tables at the terminal's width, whatever it is
    asked for, so that the width is set here.
    """
    inner = [layer for layer in model.layers if isinstance(layer, keras.Model)]
    tables = []
    with mock.patch.dict(os.environ, {"COLUMNS": str(WIDTH), "LINES": "50"}):
        for part in [model, *inner]:
            part.summary(line_length=WIDTH, print_fn=tables.append)
    lines = "\n".join(tables).splitlines()
    return "\n".join(line.rstrip() for line in lines).rstrip() + "\n"


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
