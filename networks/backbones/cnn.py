"""Two small networks of our own, to be trained from scratch: no pretrained weights exist.

Both halve the maps five times (stride 32, 7 x 7 at 224 px, as most networks do, so that they fuse
at one grid), and normalise every convolution before its ReLU (Ioffe and Szegedy 2015,
arXiv:1502.03167), which lets them learn with large steps from random weights (He et al. 2015,
arXiv:1502.01852, equation 10).
"""

from collections.abc import Callable

import keras
from keras import layers

from networks.backbones.family import Family
from networks.backbones.weights import WEIGHT_SUFFIXES, load_weights, weights_file

MINIMUM_SIZE = 32  # five halvings leave one cell
CNN_WIDTHS = (32, 64, 128, 256, 256)
CONCAT_STEM = 32


def build_cnn(image_size: tuple[int, int]) -> keras.Model:
    """Builds five blocks of a 3 x 3 convolution and max-pooling, the last with two convolutions.

    The plain sequence of VGG (Simonyan and Zisserman 2015, arXiv:1409.1556), thinner, and with a
    second convolution only where maps are small: at 224 px 0.97e9 multiplications, a sixteenth of
    VGG16's.

    Args:
        image_size: (height, width) in pixels, each at least `MINIMUM_SIZE`.

    Returns:
        float32 RGB pixels `(batch, height, width, 3)` in [0, 255] to maps
        `(batch, height // 32, width // 32, 256)`.
    """
    pixels, x = _rescaled(image_size)
    for number, width in enumerate(CNN_WIDTHS, start=1):
        x = _conv(x, width, 3, f"block{number}_conv1")
        if number == len(CNN_WIDTHS):
            x = _conv(x, width, 3, f"block{number}_conv2")
        x = layers.MaxPooling2D(name=f"block{number}_pool")(x)
    return keras.Model(pixels, x, name="cnn")


def build_cnn_concat(image_size: tuple[int, int]) -> keras.Model:
    """Builds a convolution and four blocks of parallel convolutions, each before a max-pooling.

    A block sees three sizes at once, 1 x 1, 3 x 3 and 5 x 5, the larger ones behind a 1 x 1 that
    makes them cheap, side by side as in GoogLeNet (Szegedy et al. 2015, arXiv:1409.4842, figure
    2b), the 5 x 5 as two 3 x 3 (Szegedy et al. 2016, arXiv:1512.00567, section 3.1). In place of
    its pooled branch stands the block's own input, as in DenseNet (Huang et al. 2017,
    arXiv:1608.06993, equation 2): earlier features are handed on, and gradients reach the first
    layers by a short way. The branches add as many channels as the input has, half of them from
    the 3 x 3, so that each block doubles them: 32, 64, 128, 256, 512.

    Args:
        image_size: (height, width) in pixels, each at least `MINIMUM_SIZE`.

    Returns:
        float32 RGB pixels `(batch, height, width, 3)` in [0, 255] to maps
        `(batch, height // 32, width // 32, 512)`.
    """
    pixels, x = _rescaled(image_size)
    x = _conv(x, CONCAT_STEM, 3, "stem_conv")
    x = layers.MaxPooling2D(name="stem_pool")(x)
    for number in range(1, 5):
        x = _branches(x, f"block{number}")
        x = layers.MaxPooling2D(name=f"block{number}_pool")(x)
    return keras.Model(pixels, x, name="cnn_concat")


def _branches(x, name: str):
    """Maps `(batch, h, w, channels)` beside as many new ones: `(batch, h, w, 2 channels)`."""
    quarter = x.shape[-1] // 4
    of_1x1 = _conv(x, quarter, 1, f"{name}_1x1")
    of_3x3 = _conv(x, quarter, 1, f"{name}_3x3_reduce")
    of_3x3 = _conv(of_3x3, 2 * quarter, 3, f"{name}_3x3")
    of_5x5 = _conv(x, quarter // 2, 1, f"{name}_5x5_reduce")
    of_5x5 = _conv(of_5x5, quarter, 3, f"{name}_5x5_first")
    of_5x5 = _conv(of_5x5, quarter, 3, f"{name}_5x5_second")
    return layers.Concatenate(name=f"{name}_concat")([x, of_1x1, of_3x3, of_5x5])


def _rescaled(image_size: tuple[int, int]):
    """Pixels, and the same in [-1, 1]."""
    pixels = keras.Input((*image_size, 3), dtype="float32", name="pixels")
    # float32 whatever the policy: bfloat16 has too few digits for pixel / 127.5 - 1.
    return pixels, layers.Rescaling(1 / 127.5, -1, dtype="float32", name="rescaling")(pixels)


def _conv(x, channels: int, kernel: int, name: str):
    x = layers.Conv2D(
        channels,
        kernel,
        padding="same",
        use_bias=False,  # the normalisation has one
        kernel_initializer="he_normal",
        name=name,
    )(x)
    # Keras's momentum of 0.99 takes hundreds of steps to forget its start; small sets have few.
    x = layers.BatchNormalization(momentum=0.9, name=f"{name}_bn")(x)
    return layers.ReLU(name=f"{name}_relu")(x)


CNNS: dict[str, Callable[[tuple[int, int]], keras.Model]] = {
    "cnn": build_cnn,
    "cnn_concat": build_cnn_concat,
}


def build(name: str, image_size: tuple[int, int], weights: str) -> keras.Model:
    """Builds one of `CNNS`, with random weights (`none`) or those of a file.

    Raises:
        StageError: the file is missing, damaged or of another network.
    """
    path = None if weights == "none" else weights_file(weights, WEIGHT_SUFFIXES)
    network = CNNS[name](image_size)
    if path:
        load_weights(network, name, path)
    return network


FAMILY = Family(tuple(CNNS), build, MINIMUM_SIZE, pretrained=False)
