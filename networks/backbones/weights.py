"""Weights of a network from a file of the user's: all of them, or a clear error."""

import warnings
from pathlib import Path

import keras
import numpy as np

from common.errors import StageError

WEIGHT_SUFFIXES = (".weights.h5", ".h5", ".hdf5", ".keras")


def weights_file(weights: str, suffixes: tuple[str, ...]) -> Path:
    """The file that `model.weights` names, checked to be there and to end in one of `suffixes`."""
    path = Path(weights).expanduser()
    if not path.name.endswith(suffixes):
        raise StageError(
            "Expected model.weights to be imagenet, none or the path of a file that ends in "
            f"{', '.join(suffixes)}. Received: {str(weights)!r}."
        )
    if not path.is_file():
        raise StageError(
            f"Expected the weights file named by model.weights at {path}. Received: no file "
            "there. Correct the path, or set model.weights to imagenet or none."
        )
    return path


def load_weights(network: keras.Model, name: str, path: Path) -> None:
    """Loads a whole file of weights into a network without top; all of them, or an error."""
    floats = [x for x in network.weights if keras.backend.is_float_dtype(x.dtype)]
    for weight in floats:
        # Keras only warns where a file lacks a whole group of layers: what the file does not
        # set must not pass for weights.
        weight.assign(np.full(weight.shape, np.nan, "float32"))
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Skipping nested container")
            network.load_weights(path)
        unset = [x.path for x in floats if not np.isfinite(keras.ops.convert_to_numpy(x)).all()]
        if unset:
            raise ValueError(f"no finite values for {len(unset)} weights, first {unset[0]}")
    # What h5py, zipfile and Keras raise on a damaged or foreign file has no common class.
    except Exception as error:
        raise StageError(
            f"Expected the weights of {name}, without its top, in {path}. Received: a file that "
            f"does not fit or cannot be read: {type(error).__name__}: {one_line(error)[:300]}. "
            "Save it again from the same network built with include_top=False, or correct "
            "model.weights or model.backbone."
        ) from error


def one_line(error: Exception) -> str:
    """What an exception says, on one line and without its full stop."""
    return (" ".join(str(error).split()) or type(error).__name__).rstrip(".")
