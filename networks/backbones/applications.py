"""The classification networks of `keras.applications` as backbones, whose weights Keras downloads.

Each is built onto its own preprocessing, made of standard Keras layers and read off Keras's own
`preprocess_input`, so that pixels go in whatever the network wants.
"""

import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType

import keras
import numpy as np

from networks.backbones.download import imagenet_download
from networks.backbones.family import Family, too_small
from networks.backbones.weights import WEIGHT_SUFFIXES, load_weights, weights_file

IMAGENET_DEVIATION = (0.229, 0.224, 0.225)  # of the channels R, G, B in [0, 1]


@dataclass(frozen=True)
class Preprocessing:
    """A network's preprocessing of pixels: `scale * pixels + offset`, channels flipped before.

    Attributes:
        flip: whether the network wants BGR.
        scale: one factor per channel of the network's order.
        offset: one addend per channel of the network's order.
    """

    flip: bool
    scale: tuple[float, float, float]
    offset: tuple[float, float, float]

    def __call__(self, pixels):
        """Applies it to a symbolic tensor of RGB pixels in [0, 255]."""
        x = keras.ops.flip(pixels, axis=-1) if self.flip else pixels
        if self.scale == (1.0, 1.0, 1.0) and self.offset == (0.0, 0.0, 0.0):
            return x
        # float32 whatever the policy: bfloat16 keeps 8 bits, and differences of pixels need more.
        return keras.layers.Rescaling(
            list(self.scale), list(self.offset), dtype="float32", name="preprocessing"
        )(x)


def applications() -> dict[str, Callable]:
    """Constructors of keras.applications by snake_case name; they are the capitalised ones."""
    return {
        _snake_case(attribute): getattr(keras.applications, attribute)
        for attribute in dir(keras.applications)
        if attribute[0].isupper() and callable(getattr(keras.applications, attribute))
    }


def build_application(name: str, size: tuple[int, int], weights: str) -> keras.Model:
    """Builds a network of keras.applications without its top, its preprocessing inside.

    Args:
        name: a key of `applications()`.
        size: (height, width) in pixels.
        weights: `imagenet`, `none` (random) or the path of a weights file of the same network.

    Returns:
        float32 RGB pixels `(batch, height, width, 3)` in [0, 255] to the last maps. The layers
        lie flat under the names that Keras gives in a fresh process.

    Raises:
        StageError: the images are too small for it, or the weights are missing or do not fit.
    """
    constructor = applications()[name]
    preprocessing = _probe_preprocessing(constructor)
    if weights == "imagenet":
        with imagenet_download(name):
            return _flat(constructor, name, size, preprocessing, "imagenet")
    if weights == "none":
        return _flat(constructor, name, size, preprocessing, None)
    path = weights_file(weights, WEIGHT_SUFFIXES)
    network = _flat(constructor, name, size, preprocessing, None)
    load_weights(network, name, path)
    if _module_of(constructor) is keras.applications.efficientnet:
        network = _as_keras_feeds_imagenet_weights(network, constructor, name, size)
    return network


def _snake_case(name: str) -> str:
    """ResNet50V2 to resnet50_v2; the family's own word (ResNet, ConvNeXt) stays one word."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
    return words.replace("_net", "net").replace("_ne_xt", "next")


def _module_of(constructor: Callable) -> ModuleType:
    """The public keras.applications module that documents this constructor."""
    return getattr(keras.applications, constructor.__module__.rsplit(".", 1)[-1])


def _flat(
    constructor: Callable,
    name: str,
    size: tuple[int, int],
    preprocessing: Preprocessing,
    weights: str | None,
) -> keras.Model:
    """The network without its top, built right onto the preprocessed pixels."""
    pixels = keras.Input((*size, 3), dtype="float32", name="pixels")
    try:
        with warnings.catch_warnings():
            # Other sizes than the pretraining's are what a backbone is for.
            warnings.filterwarnings("ignore", message="`input_shape` is undefined or non-square")
            network = constructor(
                include_top=False,
                weights=weights,
                input_tensor=preprocessing(pixels),
                input_shape=(*size, 3),
            )
    except ValueError as error:
        stated = re.search(r"[Ii]nput size must be at least (\d+)", str(error))
        if stated:
            raise too_small(name, size, int(stated.group(1))) from error
        raise
    _renumber(network)
    return network


def _renumber(network: keras.Model) -> None:
    """Numbers the layers that Keras named from zero, whatever was built before.

    Keras counts per process: the second InceptionV3 begins at conv2d_94, and a `model.layer`
    that named a layer of the first would not be found.
    """
    counts = {}
    for operation in network.operations:
        kind = _auto_name(type(operation).__name__)
        if re.fullmatch(rf"{kind}(_\d+)?", operation.name):
            count = counts.setdefault(kind, 0)
            counts[kind] += 1
            operation.name = f"{kind}_{count}" if count else kind


def _auto_name(class_name: str) -> str:
    """The stem of the names that Keras gives: batch_normalization, conv2d, re_lu."""
    words = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", class_name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", words).lower()


def _probe_preprocessing(constructor: Callable) -> Preprocessing:
    """Reads a network's preprocessing off its own `preprocess_input`.

    Every one of them is affine and at most reverses the channels, so three probes determine it; a
    fourth checks that it is so.
    """
    preprocess_input = _module_of(constructor).preprocess_input

    def of(*pixel: float) -> np.ndarray:
        return preprocess_input(np.array(pixel, "float64").reshape(1, 1, 1, 3)).ravel().copy()

    offset, white, red = of(0, 0, 0), of(255, 255, 255), of(255, 0, 0)
    scale = (white - offset) / 255
    flip = bool(red[0] == offset[0])
    probe = np.array([12.0, 130.0, 251.0])
    expected = scale * (probe[::-1] if flip else probe) + offset
    if not np.allclose(of(*probe), expected, rtol=0, atol=1e-9):
        raise AssertionError(f"preprocess_input of {constructor.__name__} is not affine")
    return Preprocessing(flip, tuple(scale.tolist()), tuple(offset.tolist()))


def _as_keras_feeds_imagenet_weights(
    network: keras.Model, constructor: Callable, name: str, size: tuple[int, int]
) -> keras.Model:
    """Gives an EfficientNet B the input that its weights were made for.

    Keras divides the normalised input once more, by the root of the standard deviation, but only
    where `weights="imagenet"`; given by its path, the same file would see inputs half as large.
    Whether weights descend from that file shows in the Normalization layer they fill: its means
    are ImageNet's, or still 0. The division is moved before the network: normalising
    k x + m (1 - k) gives k times the normalised x.
    """
    mean = np.array(_normalization(network).get_weights()[0], "float64").ravel()
    if not mean.any():
        return network
    factor = 1 / np.sqrt(IMAGENET_DEVIATION)
    offset = 255 * mean * (1 - factor)
    preprocessing = Preprocessing(False, tuple(factor.tolist()), tuple(offset.tolist()))
    adjusted = _flat(constructor, name, size, preprocessing, None)
    adjusted.set_weights(network.get_weights())
    _normalization(adjusted).finalize_state()  # it computes with copies made at this call
    return adjusted


def _normalization(network: keras.Model) -> keras.layers.Normalization:
    return next(x for x in network.layers if isinstance(x, keras.layers.Normalization))


FAMILY = Family(tuple(applications()), build_application, None, pretrained=True)
