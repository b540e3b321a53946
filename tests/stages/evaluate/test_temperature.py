"""The probabilities before and after a temperature: read where the model has one, else fitted."""

import numpy as np
import pytest

from common.errors import StageError
from common.tables.dataset import Dataset, write_dataset
from common.tables.predictions import BEFORE_TEMPERATURE_FILE, write_predictions
from stages.evaluate.temperature import calibration_panels, read_before_temperature
from tests.helpers.pipeline import PREPROCESSING
from tests.helpers.predicted_splits import BOTH, TEST


def test_a_temperature_of_the_model_is_taken_with_the_predictions_before_it():
    before = np.full((5, 2), 0.5)
    temperature, panels = calibration_panels(BOTH, 2.0, before)
    assert temperature == 2.0
    np.testing.assert_array_equal(panels["after"], TEST.probabilities)
    np.testing.assert_array_equal(panels["before"], before)


def test_without_one_a_temperature_is_fitted_on_val():
    temperature, panels = calibration_panels(BOTH, 1.0, None)
    assert temperature != 1.0
    np.testing.assert_array_equal(panels["before"], TEST.probabilities)
    odds = (TEST.probabilities[:, 1] / TEST.probabilities[:, 0]) ** (1 / temperature)
    np.testing.assert_allclose(panels["after"][:, 1], odds / (1 + odds))


def test_predictions_before_the_temperature_are_read_as_they_are_written(tmp_path):
    rows = [
        {"png": b"", "path": f"{i}.jpg", "image_id": str(i), "label": int(label), "group": i}
        for i, label in enumerate(TEST.label)
    ]
    write_dataset(tmp_path / "test", ["a", "b"], PREPROCESSING, rows)
    test = Dataset(tmp_path / "test")
    assert read_before_temperature(tmp_path, test, 1.0) is None
    with pytest.raises(StageError, match=r"temperature of 1\.5\. .*Run `dvc repro predict`"):
        read_before_temperature(tmp_path, test, 1.5)
    file = tmp_path / BEFORE_TEMPERATURE_FILE
    write_predictions(file, test, TEST.probabilities)
    before = read_before_temperature(tmp_path, test, 1.5)
    np.testing.assert_allclose(before, TEST.probabilities)
