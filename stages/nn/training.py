"""Fitting a head on maps: loss, optimizer, schedule, early stopping."""

import math

import keras
from tqdm import tqdm

from stages.common import cli
from stages.common.errors import StageError
from stages.common.params import Train
from stages.nn.features import MapBatches


class Recorder(keras.callbacks.Callback):
    """Collects the rows of the history, moves the bar, and stops on a loss that is no number."""

    def __init__(self, bar: tqdm):
        super().__init__()
        self.bar, self.rows = bar, []

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Adds a row; logs hold loss, accuracy, val_loss and val_accuracy."""
        rate = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        numbers = {name: float(value) for name, value in logs.items()}
        for name, value in numbers.items():
            if not math.isfinite(value):
                raise StageError(
                    f"Expected {name} to be finite. Received: {value} in epoch {epoch + 1}. Lower "
                    f"train.learning_rate (now {rate:g}), or look for a fault in the maps."
                )
        self.rows.append({"epoch": epoch + 1, "learning_rate": rate} | numbers)
        self.bar.set_postfix(val_loss=f"{numbers['val_loss']:.4f}", refresh=False)
        self.bar.update()


def build_optimizer(train: Train, steps: int) -> keras.optimizers.Optimizer:
    """The optimizer with its schedule; `steps` is the number of batches in all epochs."""
    rate = train.learning_rate
    if train.schedule == "cosine":
        rate = keras.optimizers.schedules.CosineDecay(rate, steps)
    kinds = {"adam": keras.optimizers.Adam, "adamw": keras.optimizers.AdamW}
    if train.optimizer == "sgd":
        return keras.optimizers.SGD(rate, momentum=0.9, nesterov=True)
    return kinds[train.optimizer](rate)


def fit(
    head: keras.Model, train: Train, batches: MapBatches, val_batches: MapBatches
) -> list[dict]:
    """Fits the head; it ends with the weights of the lowest validation loss.

    Returns:
        One dict per epoch: epoch (from 1), learning_rate, loss, accuracy, val_loss, val_accuracy.
        `loss` is the mean of weight times loss over the samples; the accuracies are unweighted.
    """
    head.compile(
        optimizer=build_optimizer(train, train.epochs * len(batches)),
        # Two classes too have a column each, so this is binary cross-entropy there.
        loss=keras.losses.CategoricalCrossentropy(label_smoothing=train.label_smoothing),
        metrics=[keras.metrics.CategoricalAccuracy("accuracy")],
    )
    stopping = keras.callbacks.EarlyStopping(
        "val_loss", patience=train.patience, restore_best_weights=True
    )
    with cli.progress(None, "training", train.epochs, unit="epoch") as bar:
        recorder = Recorder(bar)
        head.fit(
            batches,
            validation_data=val_batches,
            epochs=train.epochs,
            callbacks=[recorder, stopping],
            shuffle=False,  # MapBatches shuffles samples; this would shuffle whole batches
            verbose=0,
        )
    return recorder.rows
