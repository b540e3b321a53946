"""Start of a head: the fixed moments of its norm, and the linear model that it begins as."""

from typing import NamedTuple

import keras
import numpy as np

from common.schema import Head, Model, Train
from networks.forward import inference
from networks.heads import pooled_vectors, set_moments, start_linear, through_norm
from networks.maps import caches_maps, read_moments, read_pooled
from stages.train.data import TrainingData
from stages.train.linear_model import (
    LinearModel,
    fit_linear_model,
    row_weights,
    without_dead_channels,
)

BLOCK = 64  # maps in memory at once
SAME = 1e-4  # differences up to this are of rounding


class LinearScores(NamedTuple):
    """How good the linear model is on val, before any training.

    Attributes:
        val_accuracy: share of images whose likeliest class is right.
        val_loss: mean cross-entropy.
        l2: strength of its L2, that cross-validation chose.
    """

    val_accuracy: float
    val_loss: float
    l2: float


def possible_model(model: Model) -> Model:
    """The section model of params.yaml, without what needs cached maps where there are none."""
    if caches_maps(model.trainable, model.weights):
        return model
    norm = "batch" if model.head.norm == "standardise" else model.head.norm
    head = model.head.model_copy(update={"start": "random", "norm": norm})
    return model.model_copy(update={"head": head})


def begins_as_mean(attention: str, head: Head) -> bool:
    """Whether the pooled vector of an untrained head whose start is linear is a plain mean."""
    return attention == "pool" or head.pooling == "avg"


def fit_baseline(data: TrainingData, seed: int) -> tuple[LinearModel, LinearScores]:
    """Fits the linear model on the plain means of the cached maps, and scores it on val.

    Args:
        data: train and val, with their maps.
        seed: of the cross-validation.
    """
    train, val = (read_pooled(data.maps_file(name), data.splits[name]) for name in ("train", "val"))
    model = fit_to(train, data, seed)
    label = data.splits["val"].label
    log_p = model.log_probabilities(val[:, 0])
    accuracy = float((log_p.argmax(axis=1) == label).mean())
    loss = -float(log_p[np.arange(len(label)), label].mean())
    return model, LinearScores(accuracy, loss, model.l2)


def start_head(
    head: keras.Model,
    settings: Model,
    baseline: LinearModel,
    maps: np.ndarray,
    data: TrainingData,
    seed: int,
) -> None:
    """Gives a head its norm's moments and, if so asked, the weights of the linear model.

    Args:
        head: from `heads.build_head`, not trained yet.
        settings: the section model of params.yaml.
        baseline: of `fit_baseline`. A head that begins with other vectors than the mean, such as
            the maximum, gets a linear model of its own.
        maps: of train, as `data.read_split_maps` opens them.
        data: to which they belong.
        seed: of the cross-validation.
    """
    linear = settings.head.start == "linear"
    if linear or settings.head.norm == "standardise":
        mean, deviation = read_moments(data.features)
        set_moments(head, mean, without_dead_channels(deviation))
    if not linear:
        return
    standardised = settings.head.norm == "standardise"
    if begins_as_mean(settings.attention, settings.head):
        model, (kernel, bias) = baseline, through_norm(head, baseline.kernel, baseline.bias)
    else:
        model = fit_to(_vectors_of_head(head, maps), data, seed)
        kernel, bias = model.kernel, model.bias
    of_fit = model.l2 / 2 if settings.head.l2 == "auto" and standardised else None
    start_linear(head, kernel, bias, of_fit)


def fit_to(vectors: np.ndarray, data: TrainingData, seed: int) -> LinearModel:
    """Fits the linear model to vectors of train, float (n, views, channels)."""
    train = data.splits["train"]
    weights = row_weights(data.sampling["train"], train.label)
    n_classes = len(train.class_names)
    return fit_linear_model(vectors, train.label, train.group, weights, n_classes, seed)


def below_linear(best: dict, linear: LinearScores, train: Train) -> bool:
    """Whether the epoch that was kept is worse on val than the linear model.

    By the loss, which tells more than the share of right answers, where the two are the same kind
    of loss and the accuracy was not asked for.

    Args:
        best: its row of the history.
        linear: scores of the linear model.
        train: the section of params.yaml.
    """
    comparable = train.loss != "focal" and not train.label_smoothing
    if comparable and train.monitor == "val_loss":
        return best["val_loss"] > linear.val_loss * (1 + SAME)
    return best["val_accuracy"] < linear.val_accuracy - SAME


def below_linear_warning(best: dict, linear: LinearScores) -> str:
    """What to say then."""
    return (
        f"the model is below logistic regression on the same pooled maps: val_accuracy "
        f"{best['val_accuracy']:.4f} and val_loss {best['val_loss']:.4f}, of the regression "
        f"{linear.val_accuracy:.4f} and {linear.val_loss:.4f}. With model.head.start: linear, "
        "it begins as that regression"
    )


def _vectors_of_head(head: keras.Model, maps: np.ndarray) -> np.ndarray:
    """What the head as it is makes of maps (n, views, h, w, c) before its scores."""
    n, views = maps.shape[:2]
    forward = inference(pooled_vectors(head))
    parts = [
        forward(maps[i : i + BLOCK, view].astype(np.float32))
        for view in range(views)
        for i in range(0, n, BLOCK)
    ]
    return np.concatenate(parts).reshape(views, n, -1).swapaxes(0, 1)
