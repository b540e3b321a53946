"""Numbers of a training, by hand: its metrics and its closing line."""

import keras

from stages.train.summary import (
    ParameterCounts,
    count_parameters,
    metrics_of,
    summary_of,
)

HISTORY = [
    {"epoch": 1, "learning_rate": 0.1, "val_loss": 0.5, "val_accuracy": 0.5, "phase": "warm-up"},
    {"epoch": 2, "learning_rate": 0.1, "val_loss": 0.25, "val_accuracy": 0.75, "phase": "tuning"},
    {"epoch": 3, "learning_rate": 0.1, "val_loss": 0.75, "val_accuracy": 0.5, "phase": "tuning"},
]


def test_metrics_are_those_of_the_best_epoch_and_counts():
    metrics = metrics_of(HISTORY, HISTORY[1], ParameterCounts(12, 3400, 1012), 1.5)
    assert metrics == {
        "epochs": 3,
        "best_epoch": 2,
        "head_parameters": 12,
        "backbone_parameters": 3400,
        "trained_parameters": 1012,
        "temperature": 1.5,
        "val_loss": 0.25,
        "val_accuracy": 0.75,
    }
    assert summary_of(metrics) == (
        "1,012 parameters trained, 3 epochs, best 2: val_loss 0.2500, val_accuracy 0.7500"
    )


def test_only_weights_that_were_trained_count_as_trained():
    pixels = keras.Input((4, 4, 3))
    frozen = keras.layers.Conv2D(2, 3, trainable=False)  # 3 x 3 x 3 x 2 + 2 weights
    tuned = keras.layers.Conv2D(1, 1)  # 2 + 1
    backbone = keras.Model(pixels, tuned(frozen(pixels)))
    maps = keras.Input((2, 2, 1))
    head = keras.Model(maps, keras.layers.Dense(4)(keras.layers.Flatten()(maps)))  # 4 x 4 + 4
    whole = keras.Model(pixels, head(backbone(pixels)))
    assert count_parameters(backbone, head, whole) == ParameterCounts(20, 56 + 3, 3 + 20)
