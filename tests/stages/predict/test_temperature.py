"""The head before its temperature, and the stage that writes what it said."""

import keras
import numpy as np
import pytest

from common import tables
from networks.heads import build_head
from networks.parts import fold_temperature
from stages.predict.temperature import without_temperature
from tests.helpers.pipeline import SMALL, Run, write_params
from tests.helpers.training_sets import PLAIN


@pytest.mark.parametrize(("n_classes", "output"), [(2, "sigmoid"), (2, "softmax"), (4, "softmax")])
@pytest.mark.parametrize("temperature", [0.6, 2.5])
def test_it_is_the_head_that_was_folded(n_classes, output, temperature):
    keras.utils.set_random_seed(3)
    head = build_head((2, 2, 8), n_classes, "none", PLAIN.model_copy(update={"output": output}))
    maps = np.random.default_rng(0).normal(size=(20, 2, 2, 8)).astype(np.float32)
    before = head(maps, training=False).numpy()
    fold_temperature(head, temperature)
    after = head(maps, training=False).numpy()
    assert np.abs(after - before).max() > 0.01
    again = without_temperature(head, temperature)(maps, training=False).numpy()
    np.testing.assert_allclose(again, before, atol=1e-6)


@pytest.mark.parametrize("trainable", ["none", 1])
def test_the_stage_writes_what_a_model_without_temperature_writes(whole_run, tmp_path, trainable):
    tests = {}
    for calibration in ("none", "temperature"):
        folder = tmp_path / calibration
        folder.mkdir()
        for name in ("dataset", "features", "sampling.parquet", "clean"):
            (folder / name).symlink_to(whole_run.path(name))
        changes = {"train__epochs": 1, "model__trainable": trainable}
        changes |= {"train__calibration": calibration}
        run = Run(folder, write_params(folder / "params.yaml", **(SMALL | changes)))
        run.train()
        run.predict()
        files = {file.name: file for file in run.path("predictions").iterdir()}
        tests[calibration] = files
    plain, warm = tests["none"], tests["temperature"]
    assert set(plain) == {"val.csv", "test.csv"}
    assert set(warm) == {"val.csv", "test.csv", tables.BEFORE_TEMPERATURE_FILE}
    names = ["cat", "dog", "owl"]
    columns = [f"p_{name}" for name in names]
    expected = tables.read_predictions(plain["test.csv"], names)[columns].to_numpy()
    before = tables.read_predictions(warm[tables.BEFORE_TEMPERATURE_FILE], names)
    np.testing.assert_allclose(before[columns].to_numpy(), expected, atol=2e-6)
    after = tables.read_predictions(warm["test.csv"], names)
    assert np.abs(after[columns].to_numpy() - expected).max() > 1e-4
