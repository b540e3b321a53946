"""Files beside the saved model: its weights alone and Keras's summary of its layers."""

import os
from pathlib import Path
from unittest import mock

import keras

WEIGHTS_FILE = "classifier.weights.h5"
SUMMARY_FILE = "summary.txt"
WIDTH = 110  # characters of a line


def save_weights_and_summary(folder: Path, model: keras.Model) -> None:
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
        for network in _with_inner(model):
            network.summary(line_length=WIDTH, print_fn=tables.append)
    lines = "\n".join(tables).splitlines()
    return "\n".join(line.rstrip() for line in lines).rstrip() + "\n"


def _with_inner(model: keras.Model) -> list[keras.Model]:
    """The model and, depth first, all models that are layers of it."""
    models = [model]
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            models += _with_inner(layer)
    return models
