"""The choice of the weights of a backbone that training changes."""

import keras

from common.errors import StageError
from networks.blocks import blocks_of, layers_of, networks_of


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
        for layer in layers_of(network):
            keeps = origin != "none" and isinstance(layer, keras.layers.BatchNormalization)
            layer.trainable = layer in tuned and not keeps


def _check_count(networks: list[keras.Model], count: int) -> None:
    counts = {network.name: len(blocks_of(network)) for network in networks}
    fewest = min(counts.values())
    if count > fewest:
        listed = ", ".join(f"{name} {number}" for name, number in counts.items())
        raise StageError(
            f"Expected model.trainable to be none, all or at most {fewest} blocks. Received: "
            f"{count}. Blocks, by the size of their maps: {listed}."
        )
