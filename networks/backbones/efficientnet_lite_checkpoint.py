"""The weights of EfficientNet-Lite from torch's checkpoint into the Keras network."""

from collections.abc import Iterator

import keras
import numpy as np

from common.errors import StageError
from networks.backbones.efficientnet_lite_network import Block


def load_checkpoint(
    model: keras.Model,
    blocks: list[Block],
    checkpoint: dict[str, np.ndarray],
    origin: str = "its package",
) -> None:
    """Sets every weight of `model` from a checkpoint, each key used once, each shape checked.

    Keys without a counterpart here are named, not ignored: the classifier when the model has
    no top, and each batch norm's `num_batches_tracked`, a counter that inference never reads.

    Args:
        model: from `build_network`; nothing is set unless everything fits.
        blocks: that it was built of, in the order of the checkpoint's `_blocks.N`.
        checkpoint: arrays by torch key.
        origin: where the checkpoint came from, for the error.

    Raises:
        StageError: a key is missing or left over, or an array has another shape.
    """
    values, used, problems = [], set(), []
    layer_names = {layer.name for layer in model.layers}
    for prefix, layer_name, kind in _correspondence(blocks):
        parts = [(f"{prefix}.{part}", axes) for part, axes in _PARTS[kind]]
        used.update(key for key, _ in parts)
        if kind == "norm":
            used.add(f"{prefix}.num_batches_tracked")
        missing = [key for key, _ in parts if key not in checkpoint]
        if missing:
            problems += [f"no key {key}" for key in missing]
        elif layer_name in layer_names:  # else it is the classifier, in a model without one
            layer = model.get_layer(layer_name)
            if any(checkpoint[key].ndim != len(axes) for key, axes in parts):
                problems.append(f"{prefix} has another number of axes than {layer_name}")
                continue
            arrays = [checkpoint[key].transpose(axes) for key, axes in parts]
            shapes = [tuple(weight.shape) for weight in layer.weights]
            if [array.shape for array in arrays] == shapes:
                values.append((layer, arrays))
            else:
                received = [array.shape for array in arrays]
                problems.append(f"{layer_name} takes {shapes}, {prefix} has {received}")
    problems += [f"unknown key {key}" for key in checkpoint if key not in used]
    unset = {layer.name for layer in model.layers if layer.weights}
    unset -= {layer.name for layer, _ in values}
    if not problems and (unset or sum(len(arrays) for _, arrays in values) != len(model.weights)):
        raise AssertionError(f"layers without a checkpoint key: {sorted(unset)}")
    if problems:
        raise StageError(
            f"Expected the weights of {model.name} in the checkpoint from {origin}. Received: "
            f"{len(problems)} differences, first {'; '.join(problems[:3])}. Name the checkpoint "
            "of this network in model.weights, or the network of this checkpoint in "
            "model.backbone."
        )
    for layer, arrays in values:
        layer.set_weights(arrays)


# Torch's names in the order of the Keras layer's weights, and the axes: (out, in, height, width)
# to (height, width, in, out); depthwise (channels, 1, height, width) to (height, width,
# channels, 1); dense (out, in) to (in, out).
_PARTS = {
    "conv": [("weight", (2, 3, 1, 0))],
    "depthwise": [("weight", (2, 3, 0, 1))],
    "norm": [("weight", (0,)), ("bias", (0,)), ("running_mean", (0,)), ("running_var", (0,))],
    "dense": [("weight", (1, 0)), ("bias", (0,))],
}


def _correspondence(blocks: list[Block]) -> Iterator[tuple[str, str, str]]:
    """Yields (torch prefix, Keras layer name, kind) for every layer that has weights."""
    yield "_conv_stem", "stem_conv", "conv"
    yield "_bn0", "stem_bn", "norm"
    for number, block in enumerate(blocks):
        prefix = f"_blocks.{number}"
        if block.expand != 1:
            yield f"{prefix}._expand_conv", f"{block.name}_expand_conv", "conv"
            yield f"{prefix}._bn0", f"{block.name}_expand_bn", "norm"
        yield f"{prefix}._depthwise_conv", f"{block.name}_dwconv", "depthwise"
        yield f"{prefix}._bn1", f"{block.name}_bn", "norm"
        yield f"{prefix}._project_conv", f"{block.name}_project_conv", "conv"
        yield f"{prefix}._bn2", f"{block.name}_project_bn", "norm"
    yield "_conv_head", "top_conv", "conv"
    yield "_bn1", "top_bn", "norm"
    yield "_fc", "predictions", "dense"
