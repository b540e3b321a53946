"""Temperature scaling of a trained head: fitted on validation, then part of its weights."""

from collections.abc import Callable

import keras
import numpy as np

from common.calibration import fit_temperature
from networks.logits import fold_temperature, logits_model

ROWS = 32  # images whose maps are held at once


def calibrate(
    head: keras.Model, label: np.ndarray, maps_at: Callable[[list[int]], np.ndarray]
) -> float:
    """Fits the temperature on these images and divides the head's logits by it.

    Args:
        head: from `heads.build_head`, trained.
        label: int (n,), of validation.
        maps_at: rows to maps, float32 (len(rows), h, w, c).

    Returns:
        The temperature. Each answer stays as it was.
    """
    model = logits_model(head)
    n = len(label)
    parts = [
        model(maps_at(list(range(start, min(start + ROWS, n)))), training=False).numpy()
        for start in range(0, n, ROWS)
    ]
    temperature = fit_temperature(label, np.concatenate(parts).astype(float))
    fold_temperature(head, temperature)
    return temperature
