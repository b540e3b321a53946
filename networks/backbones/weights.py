"""Pretrained weights: from a file of the user's, or by Keras's own download, or a clear error."""

import threading
import traceback
import urllib.error
import urllib.request
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import keras
import numpy as np

from common.errors import StageError
from networks.backbones.efficientnet_lite import VARIANTS

WEIGHT_SUFFIXES = (".weights.h5", ".h5", ".hdf5", ".keras")
ANSWER_SECONDS = 30.0  # until the weights' host has answered, over all of its addresses
STALL_SECONDS = 60.0  # without one more byte, once it has answered


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
            f"does not fit or cannot be read: {type(error).__name__}: {_one_line(error)[:300]}. "
            "Save it again from the same network built with include_top=False, or correct "
            "model.weights or model.backbone."
        ) from error


@contextmanager
def imagenet_download(name: str) -> Iterator[None]:
    """Lets Keras fetch weights inside; whatever stops that becomes one StageError."""
    urllib.request.install_opener(_PatientOpener(urllib.request.build_opener()))
    try:
        yield
    # Keras raises plain Exception for HTTP errors; besides there are OSError, HTTPException and
    # ValueError for a wrong hash. Only what came through its downloader or reader is turned.
    except Exception as error:
        fetching = _locals_where(error, "origin")
        reading = _locals_where(error, "weights_path")
        if fetching is not None:
            raise StageError(_download_message(name, error, fetching)) from error
        if reading is not None:
            raise StageError(
                f"Expected the ImageNet weights of {name} in {reading['weights_path']}. Received: "
                f"a damaged file, perhaps half a download: {_one_line(error)}. Delete it and run "
                "again."
            ) from error
        raise
    finally:
        urllib.request.install_opener(None)  # the next call builds the usual one


class _PatientOpener:
    """Opens URLs as urllib does, but gives up: `urlretrieve` alone would wait for ever.

    A socket timeout counts anew for each address of a host and for each step of a proxy, so the
    wait for the first answer has one deadline of its own.
    """

    def __init__(self, opener: urllib.request.OpenerDirector):
        self._opener = opener

    def open(self, url, data=None, timeout=None):
        """As `OpenerDirector.open`; `timeout` is ignored for the two constants above."""
        result = {}

        def work() -> None:
            try:
                result["response"] = self._opener.open(url, data, STALL_SECONDS)
            except Exception as error:  # raised again below, in the caller's thread
                result["error"] = error

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        thread.join(ANSWER_SECONDS)
        if "response" in result:
            return result["response"]
        raise result.get("error") or urllib.error.URLError(
            TimeoutError(f"no answer within {ANSWER_SECONDS:g} s")
        )


def _locals_where(error: BaseException, variable: str) -> dict | None:
    """The local variables of the deepest Keras frame in a traceback that has `variable`.

    The URL, file and hash are known in Keras's downloader alone: no exception carries all three,
    and which file a network needs can depend on the image size (MobileNetV2).
    """
    found = None
    for frame, _ in traceback.walk_tb(error.__traceback__):
        module = frame.f_globals.get("__name__", "")
        if module.startswith("keras.") and frame.f_locals.get(variable) is not None:
            found = dict(frame.f_locals)
    return found


def _download_message(name: str, error: Exception, fetching: dict) -> str:
    url = fetching["origin"]
    file = fetching.get("fname") or url.rsplit("/", 1)[-1]
    folder = fetching.get("datadir", "~/.keras/models")
    digest = fetching.get("file_hash")
    checked = f" ({'sha256' if len(digest) == 64 else 'md5'} {digest})" if digest else ""
    reason = _one_line(error).removeprefix(f"URL fetch failure on {url}: ")
    return (
        f"Expected the ImageNet weights of {name}: the file {file}{checked} in the folder "
        f"{folder}, or a network over which Keras can fetch it. Received: "
        f"{reason.removeprefix('None -- ')}. Choose one: (1) fetch {url} elsewhere and put it, "
        f"unchanged, into {folder}/ under the name {file}; (2) set model.weights: none for "
        "random weights; (3) set model.weights: /path/to/file for a weights file of your own; "
        f"(4) set model.backbone to one of {', '.join(VARIANTS)}, whose ImageNet weights come "
        "with the install."
    )


def _one_line(error: Exception) -> str:
    return (" ".join(str(error).split()) or type(error).__name__).rstrip(".")
