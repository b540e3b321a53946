"""The probabilities of test before and after temperature scaling (Guo et al. 2017).

Where train has made a temperature part of the model, predict has also written the predictions of
the model without it. Else the temperature is fitted here, on val, to show what scaling would do.
"""

from pathlib import Path

import numpy as np

from common.calibration import fit_temperature
from common.errors import StageError
from common.tables.dataset import Dataset
from common.tables.predictions import BEFORE_TEMPERATURE_FILE, read_checked_predictions
from stages.evaluate.calibration import logits_of, soften
from stages.evaluate.splits import Split


def read_before_temperature(folder: Path, test: Dataset, temperature: float) -> np.ndarray | None:
    """The predictions of test by the model without its temperature, float (n, n_classes).

    Args:
        folder: the predictions.
        test: the split.
        temperature: that is part of the model.

    Returns:
        None where the temperature is 1.

    Raises:
        StageError: the file is missing or of other images.
    """
    if temperature == 1.0:
        return None
    file = folder / BEFORE_TEMPERATURE_FILE
    if not file.is_file():
        raise StageError(
            f"Expected {file}, the predictions before the model's temperature of {temperature:g}. "
            "Received: no such file. Run `dvc repro predict`."
        )
    return read_checked_predictions(file, test).probabilities


def calibration_panels(
    splits: dict[str, Split], temperature: float, before: np.ndarray | None
) -> tuple[float, dict[str, np.ndarray]]:
    """The temperature, and the probabilities of test `before` and `after` it.

    Args:
        splits: val and test, as the saved model answers.
        temperature: that is part of the model; 1: none, so one is fitted on val.
        before: as from `read_before_temperature`.
    """
    test = splits["test"].probabilities
    if before is not None:
        return temperature, {"before": before, "after": test}
    val = splits["val"]
    fitted = fit_temperature(val.label, logits_of(val.probabilities))
    return fitted, {"before": test, "after": soften(test, fitted)}
