"""The blocks of a backbone, counted alike in every architecture, and which of them are trained.

A block is all layers with weights whose maps have the same height and width: the halvings of the
maps divide a network. VGG16 at 224 px has five, ResNet50 five, ConvNeXt four. Layers without
weights, such as poolings, make none of their own, and what lies beyond `model.layer` is not part
of the backbone. Unpadded networks such as Xception have a few more, since their first
convolutions trim the maps.
"""

import difflib
from collections.abc import Iterator

import keras
from keras import ops

from common.errors import StageError

FUSION = "fusion"  # name of the layer that puts the maps of several networks side by side


def networks_of(backbone: keras.Model) -> list[keras.Model]:
    """The networks inside a backbone of several, in the order of `model.backbone`; or itself."""
    if FUSION not in [layer.name for layer in backbone.layers]:
        return [backbone]
    return [layer for layer in backbone.layers if isinstance(layer, keras.Model)]


def blocks_of(network: keras.Model) -> list[list[keras.Layer]]:
    """The blocks of one network, from input to output: its layers with weights, each once.

    Args:
        network: one of `networks_of` a backbone.

    Raises:
        ValueError: the backbone is made of several networks.
    """
    if networks_of(network) != [network]:
        raise ValueError("Expected one network. Received: several; ask for blocks of each of them")
    blocks, size = {}, (1, 1)
    # Backwards: maps only shrink on the way through a network, so maps of 1 x 1 with larger ones
    # after them are a branch (squeeze-excite) and belong to the block that goes on there.
    for layer in reversed(list(_layers(network))):
        own = _map_size(layer)
        if own != (1, 1):
            size = own
        if layer.weights and not isinstance(layer, keras.layers.Normalization):
            blocks.setdefault(size, []).insert(0, layer)
    return list(reversed(blocks.values()))


def set_trainable(backbone: keras.Model, trainable: str | int, weights: str | list[str]) -> None:
    """Decides which weights of a backbone `fit` changes. Compile after it, not before.

    Batch normalisation of networks with pretrained weights is never trained: the few images of
    a small set and small batches make its statistics worse. `trainable=False` is the way, since
    Keras then also lets it normalise by its stored statistics; `training=False` at the call
    would not do, for a functional model hands its own `training` down to all layers.

    Args:
        backbone: from `build_backbone`, of one or several networks.
        trainable: `none`, `all`, or the number of last blocks of each network.
        weights: `model.weights` as the backbone was built with; one for all networks, or one for
            each. Where it is `none`, batch normalisation is trained with its block.

    Raises:
        StageError: a network has fewer blocks than `trainable`.
    """
    networks = networks_of(backbone)
    origins = weights if isinstance(weights, list) else [weights] * len(networks)
    if isinstance(trainable, int):
        _check_count(networks, trainable)
    backbone.trainable = trainable != "none"
    if trainable == "none":
        return
    for network, origin in zip(networks, origins, strict=True):
        blocks = blocks_of(network)
        first = 0 if trainable == "all" else len(blocks) - trainable
        tuned = {layer for block in blocks[first:] for layer in block}
        for layer in _layers(network):
            keeps = origin != "none" and isinstance(layer, keras.layers.BatchNormalization)
            layer.trainable = layer in tuned and not keeps


def depths(backbone: keras.Model) -> dict[str, int]:
    """How many blocks before its network's last one each weight lies, by the weight's path.

    0 in the last block, 1 in the one before it. For rates that fall towards the input (Howard
    and Ruder 2018, "Universal language model fine-tuning", section 3.2).

    Args:
        backbone: from `build_backbone`. A backbone of several networks that was opened from a
            file will not do: only while it is built do paths begin with the network's name.

    Raises:
        ValueError: weights of two networks have the same path.
    """
    found = {}
    for network in networks_of(backbone):
        own = {
            weight.path: depth
            for depth, block in enumerate(reversed(blocks_of(network)))
            for layer in block
            for weight in layer.weights
        }
        same = sorted(found.keys() & own.keys())
        if same:
            raise ValueError(f"Expected each path once. Received: {same[0]} in two networks")
        found |= own
    return found


def _layers(model: keras.Model) -> Iterator[keras.Layer]:
    """Layers in topological order; those of models inside (ConvNeXt has such) in their place."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _layers(layer)
        else:
            yield layer


def _map_size(layer: keras.Layer) -> tuple[int, int]:
    """Height and width of a layer's maps; (1, 1) where it gives vectors."""
    shape = layer.output.shape
    return (shape[1], shape[2]) if len(shape) == 4 else (1, 1)


def _check_count(networks: list[keras.Model], count: int) -> None:
    counts = {network.name: len(blocks_of(network)) for network in networks}
    fewest = min(counts.values())
    if count > fewest:
        listed = ", ".join(f"{name} {number}" for name, number in counts.items())
        raise StageError(
            f"Expected model.trainable to be none, all or at most {fewest} blocks. Received: "
            f"{count}. Blocks, by the size of their maps: {listed}."
        )


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


def class_scores(head: keras.Model) -> keras.Model:
    """The head up to its scores before sigmoid or softmax, one per class.

    Gradients of probabilities vanish where a model is sure; Grad-CAM takes these instead. For
    the sigmoid of two classes the score of class 1 is the logit, and of class 0 its negative.

    Returns:
        A model that shares the head's layers: maps in, float32 `(batch, n_classes)` out.
    """
    logits = head.get_layer("logits").output
    if logits.shape[-1] == 1:
        logits = ops.concatenate([-logits, logits], axis=-1)
    return keras.Model(head.input, logits, name="class_scores")


def logits_model(head: keras.Model) -> keras.Model:
    """The head up to what softmax makes its probabilities of.

    Returns:
        A model that shares the head's layers: maps in, float32 `(batch, n_classes)` out. The
        sigmoid of two classes is the softmax of (0, logit).
    """
    logits = head.get_layer("logits").output
    if logits.shape[-1] == 1:
        logits = ops.concatenate([ops.zeros_like(logits), logits], axis=-1)
    return keras.Model(head.input, logits, name="softmax_logits")


def fold_temperature(head: keras.Model, temperature: float) -> None:
    """Divides all logits by a temperature, for good: kernel and bias of the layer "logits".

    The architecture stays, and so does each answer (Guo et al. 2017, eq. 9).
    """
    layer = head.get_layer("logits")
    layer.set_weights([weights / temperature for weights in layer.get_weights()])
