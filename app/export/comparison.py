"""Comparison of an exported model with the Keras model, on real images."""

import dataclasses

import keras
import numpy as np

from app.export.formats import Answer
from app.export.samples import Samples
from common import cli
from common.errors import StageError

# Float formats compute the same sums in another order: 1e-5 is usual, 1e-3 is an error.
FLOAT_BOUND = 1e-3
# With int8, rounding changes the class of one or two borderline images by a large difference (0.44
# in a model that lost no accuracy), so the mean separates good exports from bad ones. Good ones had
# 0.005 to 0.034, those that computed one operation wrongly 0.11 and above.
INT8_BOUND = 0.05


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Differences between an exported model and the Keras model.

    Attributes:
        source: of the images, in words.
        images: number of compared images.
        largest_difference: of any probability, absolute; NaN if one is NaN.
        mean_difference: mean over the images of the largest difference in each.
        agreement: fraction of images with the same likeliest class.
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


def compare(model: keras.Model, exported: Answer, samples: Samples, what: str) -> Comparison:
    """Runs both models on each image.

    Args:
        model: pixels in, probabilities out.
        exported: the file, opened in its own runtime.
        samples: at least one image.
        what: label of the progress bar.

    Raises:
        StageError: the exported model's output has another shape than the Keras model's.
    """
    n, total, same, correct, largest = 0, 0.0, 0, np.zeros(2, int), 0.0
    with cli.progress(None, what, samples.n) as bar:
        for pixels in samples.batches():
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
            predicted = expected.argmax(axis=1), received.argmax(axis=1)
            same += (predicted[0] == predicted[1]).sum()
            if samples.label is not None:
                label = samples.label[n : n + len(pixels)]
                correct += [(classes == label).sum() for classes in predicted]
            n += len(pixels)
            bar.update(len(pixels))
    accuracies = (None, None) if samples.label is None else tuple(map(float, correct / n))
    return Comparison(samples.source, n, largest, float(total / n), float(same / n), *accuracies)


def require_close(comparison: Comparison, name: str) -> None:
    """Refuses a float export that differs from the Keras model.

    Raises:
        StageError: the largest difference is above FLOAT_BOUND, or not a number.
    """
    if not comparison.largest_difference <= FLOAT_BOUND:
        raise StageError(
            f"Expected probabilities of the {name} export within {FLOAT_BOUND:g} of the Keras "
            f"model's. Received: a difference of {comparison.largest_difference:.3g} on "
            f"{comparison.images} images ({comparison.source}). Nothing was written. The "
            "conversion is wrong for this model; use another format."
        )


def require_close_in_the_mean(comparison: Comparison, name: str, bound: float) -> None:
    """Refuses a quantised export that has lost too much accuracy.

    Raises:
        StageError: the mean difference is above the bound, or not a number.
    """
    if not comparison.mean_difference <= bound:
        raise StageError(
            f"Expected probabilities of the {name} export within {bound:g} of the Keras model's "
            f"in the mean. Received: {comparison.mean_difference:.3g} on {comparison.images} "
            f"images ({comparison.source}); accuracy {comparison.accuracy_keras:.4f} before, "
            f"{comparison.accuracy_export:.4f} after. Nothing was written. Quantisation harms this "
            "model: export it in float, or accept the loss with a larger --bound."
        )
