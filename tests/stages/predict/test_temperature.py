"""The head before its temperature, and the predictions that the stage writes of it."""

import keras
import numpy as np
import pytest

from common.files import read_json
from common.tables.predictions import BEFORE_TEMPERATURE_FILE, parse_predictions
from networks.classifier import CARD_FILE, load_classifier
from networks.heads import build_head
from networks.logits import fold_temperature
from stages.predict.temperature import without_temperature
from stages.train.saving import save_classifier
from tests.helpers.pipeline import Run
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


@pytest.mark.parametrize("frozen", [True, False])
def test_the_stage_writes_what_a_model_without_temperature_writes(whole_run, tmp_path, frozen):
    """From cached maps, and from pixels where the backbone is not frozen."""
    written = {}
    for temperature in (1.0, 2.5):
        folder = tmp_path / str(temperature)
        folder.mkdir()
        for name in ("dataset", "features"):
            (folder / name).symlink_to(whole_run.path(name))
        classifier = load_classifier(whole_run.path("models/classifier"))
        fold_temperature(classifier.head, temperature)
        card = read_json(whole_run.path("models/classifier") / CARD_FILE)
        card |= {"temperature": temperature, "frozen": frozen}
        save_classifier(folder / "models/classifier", classifier.model, card)
        run = Run(folder, whole_run.params)
        run.predict()
        written[temperature] = {file.name: file for file in run.path("predictions").iterdir()}
    plain, warm = written[1.0], written[2.5]
    assert set(plain) == {"val.csv", "test.csv"}
    assert set(warm) == {"val.csv", "test.csv", BEFORE_TEMPERATURE_FILE}
    expected, before, after = (
        parse_predictions(file, file.name).probabilities
        for file in (plain["test.csv"], warm[BEFORE_TEMPERATURE_FILE], warm["test.csv"])
    )
    np.testing.assert_allclose(before, expected, atol=2e-6)
    assert (expected.max(axis=1) - after.max(axis=1)).max() > 1e-3
