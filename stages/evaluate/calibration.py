"""Calibration of probabilities: reliability, calibration error, Brier score, softened answers.

Guo et al. 2017, "On calibration of modern neural networks", https://arxiv.org/abs/1706.04599.
"""

import numpy as np
from scipy.special import softmax

from common.metrics import cross_entropy

BINS = 15  # of equal width, as in the paper's table 1
# Predictions have six decimals: a written 0 may be anything below half of the last decimal.
SMALLEST = 5e-7


def bins_of(confidence: np.ndarray) -> np.ndarray:
    """Which of BINS intervals ((b - 1) / BINS, b / BINS] each confidence lies in, from 0."""
    return np.clip(np.ceil(confidence * BINS - 1e-9).astype(int) - 1, 0, BINS - 1)


def reliability(y_true: np.ndarray, probabilities: np.ndarray) -> dict[str, np.ndarray]:
    """What a reliability diagram shows, by bins of the top class's probability.

    Args:
        y_true: int (n,).
        probabilities: float (n, n_classes), rows add up to 1.

    Returns:
        low, high (the bin's limits), count (int), confidence and accuracy (means; NaN where the
        bin is empty), each (BINS,).
    """
    confidence = probabilities.max(axis=1)
    place = bins_of(confidence)
    count = np.bincount(place, minlength=BINS)
    right = probabilities.argmax(axis=1) == y_true
    with np.errstate(invalid="ignore"):
        means = [
            np.bincount(place, weights=values, minlength=BINS) / count
            for values in (confidence, right.astype(float))
        ]
    edges = np.linspace(0, 1, BINS + 1)
    return {
        "low": edges[:-1],
        "high": edges[1:],
        "count": count,
        "confidence": means[0],
        "accuracy": means[1],
    }


def calibration_error(y_true: np.ndarray, probabilities: np.ndarray) -> float:
    """Expected calibration error (eq. 3 of the paper), of BINS bins of the top class, 0 to 1."""
    bins = reliability(y_true, probabilities)
    gaps = np.abs(bins["accuracy"] - bins["confidence"])
    return float(np.nansum(gaps * bins["count"]) / len(y_true))


def chance_error(confidence: np.ndarray, unit: np.ndarray) -> float:
    """The calibration error to be expected by chance alone, if confidences were exactly right.

    Then the gap of a bin has the variance of its images' p (1 - p), and its size the mean
    sqrt(2 / pi) of the deviation, as of a normal number; near copies are right or wrong together.

    Args:
        confidence: float (n,).
        unit: int (n,), equal for near copies.
    """
    units = int(unit.max()) + 1
    cells, cell = np.unique(bins_of(confidence) * units + unit, return_inverse=True)
    deviation = np.bincount(cell, weights=np.sqrt(confidence * (1 - confidence)))
    of_bin = cells // units
    variance = np.bincount(of_bin, weights=deviation**2, minlength=BINS)
    return float(np.sqrt(2 / np.pi * variance).sum() / len(confidence))


def brier_score(y_true: np.ndarray, probabilities: np.ndarray) -> float:
    """Mean over images of the squared distance to the true class's unit vector, 0 to 2.

    Brier 1950, "Verification of forecasts expressed in terms of probability", eq. 2: the sum over
    all classes, so twice what is common for two classes.
    """
    chosen = probabilities[np.arange(len(y_true)), y_true]
    return float(((probabilities**2).sum(axis=1) - 2 * chosen + 1).mean())


def calibration_scores(y_true: np.ndarray, probabilities: np.ndarray) -> dict[str, float]:
    """The loss (mean cross-entropy, nats), Brier score and expected calibration error."""
    return {
        "loss": cross_entropy(y_true, probabilities),
        "brier": brier_score(y_true, probabilities),
        "ece": calibration_error(y_true, probabilities),
    }


def logits_of(probabilities: np.ndarray) -> np.ndarray:
    """Logits whose softmax is the probabilities, which have the six decimals of predictions.

    A sigmoid of two classes is the softmax of (0, logit), so both outputs are the same here.
    """
    return np.log(np.clip(probabilities, SMALLEST, 1.0))


def soften(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """The probabilities that a temperature would give: logits divided by it (eq. 9), same shape.

    Above 1 they come closer to each other, below 1 they move apart; the order stays, and so
    does the answer.
    """
    if temperature == 1.0:
        return probabilities
    return softmax(logits_of(probabilities) / temperature, axis=1)
