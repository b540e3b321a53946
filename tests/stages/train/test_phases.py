"""Phases of a training: which there are, and with which settings."""

import pytest

from common.params import read_params
from stages.train.phases import plan_phases, tuning_settings, warmup_settings
from tests.helpers.pipeline import ROOT
from tests.helpers.training_sets import TRAIN

MODEL = read_params(ROOT / "params.yaml").model


def test_the_tuning_rate():
    settings = TRAIN.model_copy(update={"learning_rate": 0.02, "end_learning_rate": 0.01})
    assert tuning_settings(settings, False).learning_rate == 0.02
    pretrained = tuning_settings(settings, True)
    assert pretrained.learning_rate == pytest.approx(0.02 / 3)
    assert pretrained.end_learning_rate == pytest.approx(0.02 / 3)
    explicit = settings.model_copy(update={"tuning_rate": 0.5})
    assert tuning_settings(explicit, True).learning_rate == 0.5


@pytest.mark.parametrize(
    ("asked", "pretrained", "expected"),
    [(None, True, 20), (3, True, 3), (0, True, None), (None, False, None), (3, False, None)],
)
def test_a_warm_up_needs_pretrained_maps(asked, pretrained, expected):
    settings = TRAIN.model_copy(update={"warmup_epochs": asked, "rise_epochs": 2})
    warmup = warmup_settings(settings, pretrained)
    assert (warmup and warmup.epochs) == expected
    assert warmup is None or warmup.rise_epochs == 0


@pytest.mark.parametrize(
    ("trainable", "weights", "warmup_epochs", "phases"),
    [
        ("none", "imagenet", None, (30, None)),
        ("none", "none", 5, (30, None)),
        ("all", "imagenet", None, (20, 30)),
        (2, "imagenet", 3, (3, 30)),
        (2, "imagenet", 0, (None, 30)),
        ("all", "none", None, (None, 30)),
        ("all", ["imagenet", "none"], 3, (None, 30)),
    ],
)
def test_phases_and_their_epochs(trainable, weights, warmup_epochs, phases):
    model = MODEL.model_copy(update={"trainable": trainable, "weights": weights})
    planned = plan_phases(model, TRAIN.model_copy(update={"warmup_epochs": warmup_epochs}))
    assert tuple(settings and settings.epochs for settings in planned) == phases
