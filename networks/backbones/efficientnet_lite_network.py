"""The layers of EfficientNet-Lite, by its scaling.

EfficientNet (Tan and Le, 2019, arXiv:1905.11946) without squeeze-and-excite and with ReLU6, its
stem and head of fixed width.
"""

import math
from dataclasses import dataclass

import keras
from keras import layers

STEM_CHANNELS = 32
HEAD_CHANNELS = 1280
N_CLASSES = 1000
EPSILON = 1e-3


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


def build_network(
    name: str,
    image_size: tuple[int, int],
    blocks: list[Block],
    dropout: float | None = None,
) -> keras.Model:
    """Builds the network with random weights.

    Args:
        name: of the model.
        image_size: (height, width) in pixels.
        blocks: from `scaled_blocks`.
        dropout: of the top, which ends in probabilities over the ImageNet classes; None: no top.

    Returns:
        As `efficientnet_lite.build_efficientnet_lite`.
    """
    pixels = keras.Input((*image_size, 3), dtype="float32", name="pixels")
    # float32 whatever the policy: bfloat16 has too few digits for (pixel - 127) / 128.
    x = layers.Rescaling(1 / 128, -127 / 128, dtype="float32", name="rescaling")(pixels)
    x = _conv(STEM_CHANNELS, 3, "stem_conv", strides=2)(x)
    x = _normalised(x, "stem_bn", "stem_activation")
    for block in blocks:
        x = _inverted_residual(x, block)
    x = _conv(HEAD_CHANNELS, 1, "top_conv")(x)
    x = _normalised(x, "top_bn", "top_activation")
    if dropout is not None:
        x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
        x = layers.Dropout(dropout, name="top_dropout")(x)
        x = layers.Dense(N_CLASSES, activation="softmax", dtype="float32", name="predictions")(x)
    return keras.Model(pixels, x, name=name)


def scaled_blocks(width: float, depth: float) -> list[Block]:
    """The inverted-residual blocks, in order, by the factors on channels and on repeats."""
    scaled, channels_in = [], STEM_CHANNELS
    for group, (kernel, repeats, channels, expand, stride) in enumerate(GROUPS):
        channels_out = _round_channels(channels * width)
        if 0 < group < len(GROUPS) - 1:  # the first and the last group are never deepened
            repeats = math.ceil(repeats * depth)
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
