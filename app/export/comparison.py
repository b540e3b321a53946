"""How far an exported model is from the Keras model, on real images."""

import dataclasses

import keras
import numpy as np

from app.export.formats import Answer
from app.export.samples import Images
from common import cli
from common.errors import StageError

# Float formats compute the same sums in another order: 1e-5 is usual, 1e-3 is an error.
FLOAT_BOUND = 1e-3
# With int8, rounding turns an image or two on the brink, and their difference is large (0.44 in a
# model that lost no accuracy): the mean tells a good export from a bad one. Good ones measured
# 0.005 to 0.034, those that computed one operation wrongly 0.11 and above.
INT8_BOUND = 0.05


@dataclasses.dataclass(frozen=True)
class Comparison:
    """An exported model beside the Keras model.

    Attributes:
        source: of the images, in words.
        images: how many were looked at.
        largest_difference: of any probability, absolute; NaN if one is NaN.
        mean_difference: mean over the images of the largest difference in each.
        agreement: fraction of images with the same most probable class.
        accuracy_keras: of the Keras model; None without labels.
        accuracy_export: of the exported model; None without labels.
    """

    source: str
    images: int
    largest_difference: float
    mean_difference: float
    agreement: float
    accuracy_keras: float | None
    accuracy_export: float | None


def compare(model: keras.Model, exported: Answer, images: Images, what: str) -> Comparison:
    """Asks both models about each image.

    Args:
        model: pixels in, probabilities out.
        exported: the file, in its own runtime.
        images: at least one.
        what: beside the progress bar.

    Raises:
        StageError: the answers are of another shape than the Keras model's.
    """
    n, total, same, hits, largest = 0, 0.0, 0, np.zeros(2, int), 0.0
    with cli.progress(None, what, images.n) as bar:
        for pixels in images.batches():
            expected = np.asarray(model(pixels, training=False))
            received = exported(pixels)
            if received.shape != expected.shape:
                raise StageError(
                    f"Expected probabilities of shape {expected.shape} from the exported model. "
                    f"Received: {received.shape}. It is not of this Keras model."
                )
            difference = np.abs(received.astype(np.float64) - expected)
            worst = difference.max(axis=1)
            largest, total = float(np.maximum(largest, worst.max())), total + worst.sum()
            chosen = expected.argmax(axis=1), received.argmax(axis=1)
            same += (chosen[0] == chosen[1]).sum()
            if images.label is not None:
                label = images.label[n : n + len(pixels)]
                hits += [(each == label).sum() for each in chosen]
            n += len(pixels)
            bar.update(len(pixels))
    accuracies = (None, None) if images.label is None else tuple(map(float, hits / n))
    return Comparison(images.source, n, largest, float(total / n), float(same / n), *accuracies)


def require_close(found: Comparison, name: str) -> None:
    """Refuses an export in float that is not the Keras model.

    Raises:
        StageError: the largest difference is above FLOAT_BOUND, or not a number.
    """
    if not found.largest_difference <= FLOAT_BOUND:
        raise StageError(
            f"Expected probabilities of the {name} export within {FLOAT_BOUND:g} of the Keras "
            f"model's. Received: a difference of {found.largest_difference:.3g} on "
            f"{found.images} pictures ({found.source}). Nothing was written. The conversion is "
            "wrong for this model; use another format."
        )


def require_close_in_the_mean(found: Comparison, name: str, bound: float) -> None:
    """Refuses a quantised export that has lost too much.

    Raises:
        StageError: the mean difference is above the bound, or not a number.
    """
    if not found.mean_difference <= bound:
        raise StageError(
            f"Expected probabilities of the {name} export within {bound:g} of the Keras model's "
            f"in the mean. Received: {found.mean_difference:.3g} on {found.images} pictures "
            f"({found.source}); accuracy {found.accuracy_keras:.4f} before, "
            f"{found.accuracy_export:.4f} after. Nothing was written. Quantising harms this model: "
            "export it in float, or accept the loss with a larger --bound."
        )
