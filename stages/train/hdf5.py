"""HDF5 export of the whole model: Keras's older format, for tools that ask for it.

Written here, since Keras 3.15.1's own writer makes files that do not come back: its description
of the layers has no place for operations such as a mean or reversed channels, equal names of
weights in two fused backbones are refused, and a Normalization layer inside of a backbone forgets
its numbers. In this file the layers are described as in the .keras file beside it, which Keras's
reader of HDF5 takes as well, names are numbered where they repeat, and the numbers of a
Normalization stand in its description.
"""

import json
import zipfile
from pathlib import Path

import h5py
import keras

from common.files import atomic_file
from networks.classifier import MODEL_FILE

HDF5_FILE = "classifier.h5"
# HDF5 keeps at most 64 kB in an attribute; a name takes 16 bytes there, Keras reads any number.
NAMES_PER_ATTRIBUTE = 2000


def save_hdf5(folder: Path, model: keras.Model) -> None:
    """Writes the model beside its .keras file; equal models are equal bytes.

    `keras.saving.load_model` opens it, says that it is not compiled, and gives the same
    probabilities.

    Args:
        folder: where `saving.save_classifier` has just saved the same model.
        model: from `classifier.compose`.
    """
    with zipfile.ZipFile(Path(folder) / MODEL_FILE) as archive:
        description = json.loads(archive.read("config.json"))["config"]
    _fill_normalizations(description, model)
    with atomic_file(Path(folder) / HDF5_FILE) as temporary, h5py.File(temporary, "w") as file:
        file.attrs["keras_version"] = keras.version()
        file.attrs["backend"] = keras.backend.backend()
        file.attrs["model_config"] = json.dumps({"class_name": "Functional", "config": description})
        weights = file.create_group("model_weights")
        _write_names(weights, "layer_names", [layer.name for layer in model.layers])
        for layer in model.layers:
            _write_weights(weights.create_group(layer.name), _weights_of(layer))
        # Of variables that belong to no layer; our models have none.
        _write_weights(weights.create_group("top_level_model_weights"), [])


def _fill_normalizations(description: dict, model: keras.Model) -> None:
    """Puts mean and variance into the description of each Normalization, also in inner models.

    Keras's reader sets the weights of a model's direct layers as a whole. It never tells a
    Normalization within one of them that its weights have changed, and that computes with copies.
    """
    layers = {layer.name: layer for layer in model.layers}
    for entry in description["layers"]:
        layer = layers.get(entry["config"]["name"])  # none for an operation
        if isinstance(layer, keras.Model):
            _fill_normalizations(entry["config"], layer)
        elif isinstance(layer, keras.layers.Normalization) and layer.input_mean is None:
            mean, variance, _ = layer.get_weights()
            entry["config"] |= {"mean": mean.tolist(), "variance": variance.tolist()}


def _weights_of(layer: keras.Layer) -> list[keras.Variable]:
    """A layer's weights in the order in which Keras reads them, without those of Normalizations."""
    described = {
        id(weight) for normalization in _normalizations(layer) for weight in normalization.weights
    }
    ordered = layer.trainable_weights + layer.non_trainable_weights
    return [weight for weight in ordered if id(weight) not in described]


def _normalizations(layer: keras.Layer) -> list[keras.layers.Normalization]:
    if isinstance(layer, keras.Model):
        return [inner for child in layer.layers for inner in _normalizations(child)]
    return [layer] if isinstance(layer, keras.layers.Normalization) else []


def _write_weights(group: h5py.Group, weights: list[keras.Variable]) -> None:
    names = {}
    for weight in weights:
        name, number = weight.path, 1
        while name in names:
            number += 1
            name = f"{weight.path}_{number}"
        names[name] = weight
    _write_names(group, "weight_names", list(names))
    for name, weight in names.items():
        group.create_dataset(name, data=keras.ops.convert_to_numpy(weight))


def _write_names(group: h5py.Group, attribute: str, names: list[str]) -> None:
    """Names as an attribute, or as several with a number at the end where they are many."""
    texts = h5py.string_dtype()
    if len(names) <= NAMES_PER_ATTRIBUTE:
        group.attrs.create(attribute, names, (len(names),), texts)
        return
    for number, start in enumerate(range(0, len(names), NAMES_PER_ATTRIBUTE)):
        chunk = names[start : start + NAMES_PER_ATTRIBUTE]
        group.attrs.create(f"{attribute}{number}", chunk, (len(chunk),), texts)
