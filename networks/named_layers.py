"""Layers of a network by their names, and errors that help to spell them."""

import difflib

import keras

from common.errors import StageError


def layer_maps(
    network: keras.Model, layer: str, setting: str, name: str | None = None
) -> keras.KerasTensor:
    """The output of a named layer of one network, which must be maps.

    Args:
        network: of one network.
        layer: the layer's name.
        setting: the parameter that named it, for the message.
        name: of the network, for the message; None: as the model is called.

    Raises:
        StageError: there is no such layer or its output is no maps; with some that there are.
    """
    name = name or network.name
    candidates = {
        inner.name: inner.output
        for inner in network.layers
        if not isinstance(inner, keras.layers.InputLayer)
        and isinstance(inner.output, keras.KerasTensor)
        and len(inner.output.shape) == 4
    }
    passive = (
        keras.layers.Rescaling,
        keras.layers.Normalization,
        keras.layers.ZeroPadding2D,
        keras.layers.Cropping2D,
    )
    if layer in candidates:
        return candidates[layer]
    # One layer per resolution, the last at it: the usual places to cut a network.
    last_of = {
        output.shape[1:3]: inner
        for inner, output in candidates.items()
        if not isinstance(network.get_layer(inner), passive)
    }
    examples = ", ".join(
        f"{inner} {tuple(candidates[inner].shape[1:])}"
        for shape, inner in last_of.items()
        if shape != (1, 1) or inner == network.layers[-1].name
    )
    names = [inner.name for inner in network.layers]
    if layer in names:
        received = f"{layer!r}, with output {_shape_of(network.get_layer(layer))}"
        expected = f"Expected {setting} to give maps (batch, height, width, channels) in {name}"
        close = []
    else:
        received = repr(layer)
        expected = f"Expected {setting} to name a layer of {name}"
        close = difflib.get_close_matches(layer, candidates, n=3, cutoff=0.5)
    raise StageError(
        f"{expected}. Received: {received}.{did_you_mean(close)} Layers that give maps, one "
        f"per resolution: {examples}. null takes the last of all."
    )


def did_you_mean(close: list[str]) -> str:
    """The end of a message about an unknown name; empty where nothing is close."""
    return f" Did you mean {' or '.join(close)}?" if close else ""


def _shape_of(layer: keras.Layer) -> str:
    shapes = [tuple(tensor.shape) for tensor in keras.tree.flatten(layer.output)]
    return " and ".join(map(str, shapes))
