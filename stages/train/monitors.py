"""Metrics that `train.monitor` can watch, and the epoch that is best by one of them."""

from collections.abc import Callable
from typing import Literal, NamedTuple

import keras


class Monitor(NamedTuple):
    """A metric of training or, with `val_` before its name, of validation.

    Attributes:
        mode: Keras's word for its better direction.
        build: makes Keras's metric where training has it only for being watched; None: training
            has it in any case.
    """

    mode: Literal["min", "max"]
    build: Callable[[], keras.metrics.Metric] | None = None


_METRICS = {
    "loss": Monitor("min"),
    "accuracy": Monitor("max"),
    "f1_macro": Monitor("max", lambda: keras.metrics.F1Score("macro", name="f1_macro")),
}
MONITORS = {f"{split}{name}": metric for split in ("val_", "") for name, metric in _METRICS.items()}


def build_metrics(monitor: str) -> list[keras.metrics.Metric]:
    """Accuracy, and what `monitor` asks for."""
    metrics = [keras.metrics.CategoricalAccuracy("accuracy")]
    build = MONITORS[monitor].build
    return [*metrics, build()] if build else metrics


def best_epoch(history: list[dict], monitor: str) -> dict:
    """The row of the epoch whose weights are kept: the first that no other betters."""
    choose = {"min": min, "max": max}[MONITORS[monitor].mode]
    return choose(history, key=lambda row: row[monitor])
