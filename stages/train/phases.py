"""Phases of a training: the head alone on cached maps, then the backbone with it on pixels."""

from pathlib import Path
from typing import NamedTuple

import keras

from common.schema import Augment, Model, Train
from networks.augment import Augmenter
from networks.maps import pretrained
from networks.mixing import build_mixer
from stages.train.data import TrainingData, head_batches, read_split_maps
from stages.train.fitting import fit
from stages.train.linear_start import LinearScores, fit_baseline, start_head
from stages.train.live import LiveLog
from stages.train.pixel_batches import pixel_batches
from stages.train.pooled_head import student_of
from stages.train.tuning import TunedNetwork, tune

WARMUP_EPOCHS = 20  # where train.warmup_epochs is null
PRETRAINED_SHARE = 1 / 3  # of learning_rate, where pretrained weights are tuned


class Phases(NamedTuple):
    """The settings of each phase; None where there is no such phase.

    Attributes:
        head: of the head on cached maps: the whole training of a frozen backbone, or the warm-up
            of a tuned one.
        tuning: of backbone and head on pixels.
    """

    head: Train | None
    tuning: Train | None


def plan_phases(model: Model, train: Train) -> Phases:
    """The phases that the sections model and train of params.yaml ask for."""
    if model.trainable == "none":
        return Phases(train, None)
    warmup = warmup_settings(train, pretrained(model.weights))
    return Phases(warmup, tuning_settings(train, pretrained(model.weights)))


def warmup_settings(train: Train, pretrained: bool) -> Train | None:
    """The settings of the head's warm-up: the same schedule, over fewer epochs.

    None where there are no maps of pretrained weights to train it on, or no epochs are asked for.
    """
    epochs = WARMUP_EPOCHS if train.warmup_epochs is None else train.warmup_epochs
    if not pretrained or not epochs:
        return None
    return train.model_copy(update={"epochs": epochs, "rise_epochs": 0})


def tuning_settings(train: Train, pretrained: bool) -> Train:
    """The settings of the phase in which the backbone is tuned: its own learning rate."""
    rate = train.tuning_rate
    if rate is None:
        rate = train.learning_rate * (PRETRAINED_SHARE if pretrained else 1.0)
    return train.model_copy(
        update={"learning_rate": rate, "end_learning_rate": min(train.end_learning_rate, rate)}
    )


def train_head(
    settings: Train,
    head: keras.Model,
    model: Model,
    data: TrainingData,
    oversampling: str,
    seed: int,
    live: LiveLog,
) -> tuple[list[dict], LinearScores]:
    """Starts the head and fits it on cached maps.

    Args:
        settings: `Phases.head`.
        head: from `heads.build_head`.
        model: the section of params.yaml.
        data: train and val, with their maps.
        oversampling: the parameter oversample.method.
        seed: of folds, shuffles and mixtures.
        live: gets each epoch's row as it ends.

    Returns:
        The rows of its history, and the scores of the linear model on the same maps.

    Raises:
        StageError: the maps do not fit the data or the head.
    """
    maps = read_split_maps(data, head.input_shape[1:])
    baseline, scores = fit_baseline(data, seed)
    start_head(head, model, baseline, maps["train"], data, seed)
    student = student_of(head, model, maps, data)
    batches = head_batches(student.maps, data, settings.batch_size, oversampling, seed)
    rows = fit(
        student.head,
        settings,
        batches["train"],
        batches["val"],
        live=live,
        start_counts=model.head.start == "linear",
    )
    head.set_weights(student.head.get_weights())
    return rows, scores


def train_on_pixels(
    settings: Train,
    backbone: keras.Model,
    head: keras.Model,
    augment: Augment,
    data: TrainingData,
    scratch: Path,
    seed: int,
    history: list[dict],
    live: LiveLog,
) -> list[dict]:
    """Tunes backbone and head on pixels; returns the rows of both phases.

    Args:
        settings: `Phases.tuning`.
        backbone: from `build_backbone`; its layers' `trainable` say what is tuned.
        head: from `build_head`.
        augment: the section of params.yaml.
        data: train and val.
        scratch: folder on whose disk the images are packed while this runs.
        seed: of views, mixtures and shuffles.
        history: rows of the head's warm-up; empty where there was none.
        live: gets each epoch's row as it ends.
    """
    network = TunedNetwork(backbone, head, build_mixer(augment, seed))
    augmenter = Augmenter(augment, seed)
    batches = pixel_batches(
        data.splits, data.sampling, settings.batch_size, seed, scratch, augmenter
    )
    return tune(network, settings, batches["train"], batches["val"], history, live)
