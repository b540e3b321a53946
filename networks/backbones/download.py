"""ImageNet weights by Keras's own download, which gives up in time, or a clear error."""

import threading
import traceback
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

from common.errors import StageError
from networks.backbones.efficientnet_lite import VARIANTS
from networks.backbones.weights import one_line

ANSWER_SECONDS = 30.0  # until the weights' host has answered, over all of its addresses
STALL_SECONDS = 60.0  # without one more byte, once it has answered


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
                f"a damaged file, perhaps half a download: {one_line(error)}. Delete it and run "
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
    variables = None
    for frame, _ in traceback.walk_tb(error.__traceback__):
        module = frame.f_globals.get("__name__", "")
        if module.startswith("keras.") and frame.f_locals.get(variable) is not None:
            variables = dict(frame.f_locals)
    return variables


def _download_message(name: str, error: Exception, fetching: dict) -> str:
    url = fetching["origin"]
    file = fetching.get("fname") or url.rsplit("/", 1)[-1]
    folder = fetching.get("datadir", "~/.keras/models")
    digest = fetching.get("file_hash")
    checked = f" ({'sha256' if len(digest) == 64 else 'md5'} {digest})" if digest else ""
    reason = one_line(error).removeprefix(f"URL fetch failure on {url}: ")
    return (
        f"Expected the ImageNet weights of {name}: the file {file}{checked} in the folder "
        f"{folder}, or a network over which Keras can fetch it. Received: "
        f"{reason.removeprefix('None -- ')}. Choose one: (1) fetch {url} elsewhere and put it, "
        f"unchanged, into {folder}/ under the name {file}; (2) set model.weights: none for "
        "random weights; (3) set model.weights: /path/to/file for a weights file of your own; "
        f"(4) set model.backbone to one of {', '.join(VARIANTS)}, whose ImageNet weights come "
        "with the install."
    )
