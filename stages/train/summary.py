"""Summary of the stage: the numbers of its metrics file and the words of its closing line."""

from typing import NamedTuple

import keras
import numpy as np

from stages.train.linear_start import LinearScores

NOT_METRICS = ("epoch", "learning_rate", "phase")  # columns of the history


class ParameterCounts(NamedTuple):
    """Numbers of weights: of the head, of the backbone, and of both those that were trained."""

    head: int
    backbone: int
    trained: int


def count_parameters(
    backbone: keras.Model, head: keras.Model, model: keras.Model
) -> ParameterCounts:
    """Counts the weights of the two parts, and of the whole model those that were trained."""
    trained = sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
    return ParameterCounts(head.count_params(), backbone.count_params(), trained)


def metrics_of(
    history: list[dict],
    best: dict,
    parameters: ParameterCounts,
    temperature: float,
    linear: LinearScores | None = None,
) -> dict:
    """The content of metrics/train.json.

    Args:
        history: a row per epoch, from `fitting.fit` or `tuning.tune`.
        best: the row of the epoch that was kept. Its losses and other metrics are reported: those
            before the temperature.
        parameters: of the model.
        temperature: by which the logits have been divided.
        linear: scores of the linear model; None where there were no cached maps.
    """
    of_linear = {"linear": linear._asdict()} if linear else {}
    of_best = {name: value for name, value in best.items() if name not in NOT_METRICS}
    return (
        {
            "epochs": sum(row["epoch"] > 0 for row in history),
            "best_epoch": best["epoch"],
            "head_parameters": parameters.head,
            "backbone_parameters": parameters.backbone,
            "trained_parameters": parameters.trained,
            "temperature": temperature,
        }
        | of_best
        | of_linear
    )


def summary_of(metrics: dict) -> str:
    """The stage's closing line, from its metrics."""
    return (
        f"{metrics['trained_parameters']:,} parameters trained, {metrics['epochs']} epochs, "
        f"best {metrics['best_epoch']}: val_loss {metrics['val_loss']:.4f}, "
        f"val_accuracy {metrics['val_accuracy']:.4f}"
    )
