"""The blocks of a backbone.

A block is all layers with weights whose maps have the same height and width: the halvings of the
maps divide a network. VGG16 at 224 px has five, ResNet50 five, ConvNeXt four. Layers without
weights, such as poolings, make none of their own, and what lies beyond `model.layer` is not part
of the backbone. Unpadded networks such as Xception have a few more, since their first
convolutions trim the maps.
"""

from collections.abc import Iterator

import keras

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
    for layer in reversed(list(layers_of(network))):
        layer_size = _map_size(layer)
        if layer_size != (1, 1):
            size = layer_size
        if layer.weights and not isinstance(layer, keras.layers.Normalization):
            blocks.setdefault(size, []).insert(0, layer)
    return list(reversed(blocks.values()))


def layers_of(model: keras.Model) -> Iterator[keras.Layer]:
    """Layers in topological order; those of models inside (ConvNeXt has such) in their place."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from layers_of(layer)
        else:
            yield layer


def _map_size(layer: keras.Layer) -> tuple[int, int]:
    """Height and width of a layer's maps; (1, 1) where it gives vectors."""
    shape = layer.output.shape
    return (shape[1], shape[2]) if len(shape) == 4 else (1, 1)
