"""Fitting of a model, with its history, early stopping and the weights of its best epoch."""

import math
from collections.abc import Callable, Sequence

import keras
from tqdm import tqdm

from common import cli
from common.errors import StageError
from common.schema import Train
from stages.train.live import LiveLog
from stages.train.losses import build_loss
from stages.train.map_batches import MapBatches
from stages.train.monitors import MONITORS, best_epoch, build_metrics
from stages.train.optimizers import build_optimizer
from stages.train.pixel_batches import PixelBatches
from stages.train.steps import Trained, TrainedHead

Batches = MapBatches | PixelBatches


class Recorder(keras.callbacks.Callback):
    """Collects the rows of the history, moves the bar, and stops on a value that is not finite."""

    def __init__(self, bar: tqdm, live: LiveLog | None = None):
        """Args:
        bar: of progress, one step per epoch.
        live: gets each row as it is made, or None.
        """
        super().__init__()
        self.bar, self.live, self.rows = bar, live, []

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
        if self.live is not None:
            self.live.add(self.rows[-1])
        self.bar.set_postfix(val_loss=f"{numbers['val_loss']:.4f}", refresh=False)
        self.bar.update()


class StopOnOverfit(keras.callbacks.Callback):
    """Stops after the first epoch whose validation loss exceeds its training loss.

    Prechelt 1998, "Early stopping - but when?", compares slower criteria of this kind. The
    training loss is a mean over the epoch, with noise and dropout, so that it starts above.
    """

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Compares the epoch's two losses."""
        if logs["val_loss"] > logs["loss"]:
            self.model.stop_training = True


def build_callbacks(train: Train, baseline: float | None) -> list[keras.callbacks.Callback]:
    """The callbacks that act at the end of an epoch, in this order.

    Averaged weights are swapped in first, for the validation and until the next epoch begins,
    so that early stopping keeps them. The weights of the best epoch come back at the very end,
    after Keras has put the averages of the last epoch into the model.

    Args:
        train: the section of params.yaml.
        baseline: the monitored value before training, which an epoch must better; or None.
    """
    monitor, mode = train.monitor, MONITORS[train.monitor].mode
    callbacks = []
    if train.ema:
        callbacks.append(keras.callbacks.SwapEMAWeights(swap_on_epoch=True))
    callbacks.append(
        keras.callbacks.EarlyStopping(
            monitor,
            mode=mode,
            patience=train.patience,
            restore_best_weights=True,
            baseline=baseline,
        )
    )
    if train.stop_on_overfit:
        callbacks.append(StopOnOverfit())
    if train.schedule == "plateau":
        callbacks.append(
            keras.callbacks.ReduceLROnPlateau(
                monitor, train.plateau_factor, train.plateau_patience, mode=mode, min_delta=0
            )
        )
    return callbacks


def fit(
    model: keras.Model,
    train: Train,
    batches: Batches,
    val_batches: Batches,
    factors: dict[int, float] | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    live: LiveLog | None = None,
    start_counts: bool = False,
) -> list[dict]:
    """Fits a model; it ends with the weights of the epoch that is best by `train.monitor`.

    With `train.ema` these are the averaged weights. Statistics of batch normalisation are not
    averaged: they are a moving average already.

    Args:
        model: a head, or backbone and head as `tuning.TunedNetwork`.
        train: the section train of params.yaml.
        batches: an epoch of training, shuffled at each `begin_epoch`.
        val_batches: an epoch of validation.
        factors: on the learning rate, by `id` of the weight; 1 for those that are not in it.
        callbacks: further ones, which act last in each epoch.
        live: gets each epoch's row as it ends.
        start_counts: whether the model as it is may be the best: then it has a row, too.

    Returns:
        One dict per epoch: epoch (from 1; 0 is the model before training), learning_rate, loss,
        accuracy, val_loss, val_accuracy, and f1_macro and val_f1_macro if one is monitored.
        `loss` is the mean of weight times loss over the samples, without penalties on weights;
        the other metrics are unweighted.
    """
    trained = model if isinstance(model, Trained) else TrainedHead(model)
    trained.compile(
        optimizer=build_optimizer(train, len(batches), factors),
        loss=build_loss(train),
        metrics=build_metrics(train.monitor),
    )
    trained.optimizer.build(trained.trainable_variables)
    train_epoch, validate = batches.passes(trained.train_on), val_batches.passes(trained.test_on)
    start = before = None
    if start_counts:
        start, before = _row_of_start(trained, batches, validate), model.get_weights()
    with cli.progress(None, "training", train.epochs, unit="epoch") as bar:
        recorder = Recorder(bar, live)
        # The recorder first, so that it sees the rate that the epoch was made with.
        acting = [recorder, *build_callbacks(train, start and start[train.monitor]), *callbacks]
        _run(trained, train.epochs, batches, train_epoch, validate, acting)
    rows = [start, *recorder.rows] if start else recorder.rows
    if start and best_epoch(rows, train.monitor) is start:
        model.set_weights(before)
    return rows


def _run(
    trained: Trained,
    epochs: int,
    batches: Batches,
    train_epoch: Callable[[], None],
    validate: Callable[[], None],
    callbacks: list[keras.callbacks.Callback],
) -> None:
    """What Keras's `fit` does, without its pipelines of tf.data, which took 40 ms an epoch."""
    acting = keras.callbacks.CallbackList(callbacks, model=trained, epochs=epochs)
    trained.stop_training = False
    acting.on_train_begin()
    for epoch in range(epochs):
        batches.begin_epoch(epoch)
        acting.on_epoch_begin(epoch)
        logs = trained.values_of(train_epoch)
        acting.on_test_begin()
        val_logs = trained.values_of(validate)
        acting.on_test_end(val_logs)
        acting.on_epoch_end(epoch, logs | {f"val_{name}": val_logs[name] for name in val_logs})
        if trained.stop_training:
            break
    trained.optimizer.finalize_variable_values(trained.trainable_weights)
    acting.on_train_end()


def _row_of_start(trained: Trained, batches: Batches, validate: Callable[[], None]) -> dict:
    """The row of the history for the model as it is, by inference on both splits."""
    values = trained.values_of(batches.passes(trained.test_on))
    val_values = trained.values_of(validate)
    rate = float(keras.ops.convert_to_numpy(trained.optimizer.learning_rate))
    row = {"epoch": 0, "learning_rate": rate} | values
    return row | {f"val_{name}": value for name, value in val_values.items()}
