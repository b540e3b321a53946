"""Settings without effect, each named in one sentence, and settings with effect in none."""

import re

import pytest

from common.params import read_params
from stages.train.ineffective import ineffective_settings
from tests.helpers.pipeline import ROOT
from tests.helpers.training_sets import TRAIN

MODEL = read_params(ROOT / "params.yaml").model
MAX = MODEL.head.model_copy(update={"pooling": "max"})
RANDOM = MODEL.head.model_copy(update={"start": "random", "norm": "batch"})
FROM_SCRATCH = {"backbone": "cnn", "weights": "none", "trainable": "all"}
SCRATCH = FROM_SCRATCH | {"head": RANDOM}


@pytest.mark.parametrize(
    ("model", "train", "views", "message"),
    [
        ({}, {"rise_epochs": 2}, 2, r"rise_epochs has no effect with schedule: constant"),
        ({}, {"weight_decay": 0.1}, 2, r"weight_decay has no effect with optimizer: adam;"),
        (
            {},
            {"schedule": "plateau", "plateau_patience": 5, "patience": 5},
            2,
            r"plateau_patience: 5 has no effect with train\.patience: 5",
        ),
        ({}, {"rise_epochs": 2, "schedule": "cosine"}, 2, None),
        ({}, {"weight_decay": 0.1, "optimizer": "lion"}, 2, None),
        ({}, {"schedule": "plateau", "plateau_patience": 4, "patience": 5}, 2, None),
        ({}, {}, 2, None),
        ({}, {"depth_decay": 0.8}, 2, r"depth_decay has no effect with model\.trainable: none"),
        ({}, {"warmup_epochs": 3}, 2, r"warmup_epochs has no effect with model\.trainable: none"),
        ({}, {"tuning_rate": 1e-4}, 2, r"tuning_rate has no effect with model\.trainable: none"),
        ({"weights": "none"}, {}, 2, r"trainable: none freezes a backbone of random weights"),
        (
            {"trainable": "all"},
            {"depth_decay": 0.8, "warmup_epochs": 3, "tuning_rate": 1e-4},
            2,
            None,
        ),
        ({"trainable": 2}, {"warmup_epochs": 0}, 2, r"augment\.views: 2 has no effect"),
        ({"trainable": 2}, {"warmup_epochs": 0}, 1, None),
        (SCRATCH, {}, 1, None),
        (SCRATCH, {"tuning_rate": 1e-4}, 1, r"train\.learning_rate has no effect"),
        (SCRATCH, {"warmup_epochs": 5}, 1, r"train\.warmup_epochs has no effect: it trains"),
        (SCRATCH, {"warmup_epochs": 0}, 1, None),
        (SCRATCH, {}, 3, r"augment\.views: 3 has no effect"),
        ({"head": MAX, "attention": "pool"}, {}, 2, r"head\.pooling has no"),
        (
            FROM_SCRATCH,
            {},
            1,
            r"random weights and batch normalisation: model\.head\.start: linear",
        ),
    ],
)
def test_settings_without_effect_are_named(model, train, views, message):
    model, train = MODEL.model_copy(update=model), TRAIN.model_copy(update=train)
    sentences = ineffective_settings(model, train, views)
    assert len(sentences) == (1 if message else 0), sentences
    assert not message or re.search(message, sentences[0])
