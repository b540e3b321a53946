"""Stream of predictions in the order of the inputs, errors among them."""

import collections
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from app.predict.inputs import MAX_BYTES, STDIN, ImageInput, Unusable
from common.images import ImageError

if TYPE_CHECKING:  # imports TensorFlow
    from app.predictor import Prediction

Result = tuple[ImageInput | Unusable, "Prediction | None"]


def predictions(inputs: Iterable[ImageInput | Unusable], stream: Callable) -> Iterator[Result]:
    """Yields each image with its prediction, or an Unusable with None, in order.

    Args:
        inputs: images, and inputs that are known to be unusable.
        stream: `Predictor.stream`, which reads ahead by a limited number of images.
    """
    waiting: collections.deque[ImageInput | Unusable] = collections.deque()

    def images() -> Iterator[Path | bytes]:
        for item in inputs:
            waiting.append(item)
            if isinstance(item, ImageInput):
                yield Path(item.location) if item.data is None else item.data

    for _, prediction in stream(images()):
        while isinstance(waiting[0], Unusable):
            yield waiting.popleft(), None
        item = waiting.popleft()
        if isinstance(prediction, Exception):
            yield Unusable.of(item.name, prediction), None
        else:
            yield item, prediction
    while waiting:
        yield waiting.popleft(), None


def write_or_unusable(write: Callable[[ImageInput, "Prediction"], None], result: Result) -> Result:
    """Calls `write`, which reads the image again, on a prediction.

    Returns:
        The result; an Unusable with None where the image cannot be read any more.
    """
    item, prediction = result
    if prediction is not None:
        try:
            write(item, prediction)
        except (OSError, ImageError) as error:
            return Unusable.of(item.name, error), None
    return result


def up_to_first_image(inputs: Iterator[ImageInput | Unusable]) -> list[ImageInput | Unusable]:
    """Takes inputs up to the first image, which is the last of the list if there is one."""
    taken: list[ImageInput | Unusable] = []
    for item in inputs:
        taken.append(item)
        if isinstance(item, ImageInput):
            break
    return taken


def read_stdin() -> Iterator[ImageInput | Unusable]:
    """Yields the image on the standard input."""
    data = sys.stdin.buffer.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        yield Unusable(STDIN, "too_large", f"limit {MAX_BYTES} bytes")
    else:
        yield ImageInput(STDIN, "", data)
