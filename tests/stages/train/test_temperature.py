"""The temperature in a trained head: fitted on validation, folded into its weights."""

import keras
import numpy as np
import pytest

from common.calibration import fit_temperature
from common.files import read_json
from networks.heads import build_head
from networks.logits import logits_model
from stages.evaluate.calibration import soften
from stages.train.temperature import calibrate
from tests.helpers.pipeline import SMALL, Run, write_params
from tests.helpers.training_sets import PLAIN


@pytest.mark.parametrize(("n_classes", "output"), [(2, "sigmoid"), (2, "softmax"), (4, "softmax")])
def test_the_folded_head_gives_softened_probabilities(n_classes, output):
    keras.utils.set_random_seed(3)
    settings = PLAIN.model_copy(update={"output": output})
    head = build_head((2, 2, 8), n_classes, "none", settings)
    layer = head.get_layer("logits")
    layer.set_weights([2 * weights for weights in layer.get_weights()])
    rng = np.random.default_rng(0)
    maps = rng.normal(size=(70, 2, 2, 8)).astype(np.float32)
    label = rng.integers(0, n_classes, 70)
    before = head(maps, training=False).numpy()
    logits = logits_model(head)(maps, training=False).numpy()
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    np.testing.assert_allclose(odds / odds.sum(axis=1, keepdims=True), before, atol=1e-5)
    temperature = calibrate(head, label, lambda rows: maps[rows])
    assert temperature == pytest.approx(fit_temperature(label, logits.astype(float)), rel=1e-4)
    assert temperature > 1.05  # the labels are random, the head was not: it must be less sure
    after = head(maps, training=False).numpy()
    np.testing.assert_allclose(after, soften(before.astype(float), temperature), atol=1e-4)
    np.testing.assert_array_equal(after.argmax(axis=1), before.argmax(axis=1))


def test_the_stage_folds_it_into_the_saved_model_and_evaluate_undoes_it(whole_run, tmp_path):
    made = {}
    for calibration in ("none", "temperature"):
        folder = tmp_path / calibration
        folder.mkdir()
        for name in ("dataset", "features", "sampling", "clean"):
            (folder / name).symlink_to(whole_run.path(name))
        settings = SMALL | {"train__epochs": 2, "train__calibration": calibration}
        run = Run(folder, write_params(folder / "params.yaml", **settings))
        run.train()
        run.predict()
        run.evaluate()
        made[calibration] = run
    plain, warm = (made[name] for name in ("none", "temperature"))
    temperature = read_json(warm.path("models/classifier/classifier.json"))["temperature"]
    assert temperature == read_json(warm.path("m/train.json"))["temperature"] != 1
    assert read_json(plain.path("models/classifier/classifier.json"))["temperature"] == 1
    losses = [read_json(run.path("m/train.json"))["val_loss"] for run in (plain, warm)]
    assert losses[0] == losses[1]  # of the kept epoch, before the temperature
    fitted, folded = (
        read_json(run.path("m/evaluate.json"))["calibration"] for run in (plain, warm)
    )
    assert fitted["temperature"] == pytest.approx(temperature, rel=0.01)
    for when in ("before", "after"):
        assert fitted["test"][when]["loss"] == pytest.approx(folded["test"][when]["loss"], rel=0.01)
    assert folded["test"]["before"]["loss"] != folded["test"]["after"]["loss"]
