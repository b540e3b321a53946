"""The blocks of a backbone, and which of them are trained.

A block is all layers with weights whose maps have the same height and width: the halvings of the
maps divide a network. VGG16 at 224 px has five, ResNet50 five, ConvNeXt four. Layers without
weights, such as poolings, make none of their own, and what lies beyond `model.layer` is not part
of the backbone. Unpadded networks such as Xception have a few more, since their first
convolutions trim the maps.
"""

from collections.abc import Iterator

import keras

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
        layer_size = _map_size(layer)
        if layer_size != (1, 1):
            size = layer_size
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
