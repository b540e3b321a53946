"""Temperature scaling of a trained head, fitted on validation and folded into its weights."""

from collections.abc import Callable

import keras
import numpy as np

from common.calibration import fit_temperature
from networks.logits import fold_temperature, logits_model

BATCH_SIZE = 32  # images whose maps are in memory at once


def calibrate(
    head: keras.Model, label: np.ndarray, maps_at: Callable[[list[int]], np.ndarray]
) -> float:
    """Fits the temperature on images of validation and divides the head's logits by it.

    Args:
        head: from `heads.build_head`, trained.
        label: int (n,), of these images.
        maps_at: a function from row numbers to maps, float32 (len(rows), h, w, c).

    Returns:
        The temperature, above 0. The predicted class of each image stays the same.
    """
    model = logits_model(head)
    n = len(label)
    logits = [
        model(maps_at(list(range(start, min(start + BATCH_SIZE, n)))), training=False).numpy()
        for start in range(0, n, BATCH_SIZE)
    ]
    temperature = fit_temperature(label, np.concatenate(logits).astype(float))
    fold_temperature(head, temperature)
    return temperature
