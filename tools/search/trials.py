"""Trials of the search: a head fitted on cached maps, scored, and given up if it lags."""

import math
import time

import keras
import numpy as np
import optuna

from common import metrics
from networks.forward import inference
from networks.heads import build_head
from stages.train.data import head_batches
from stages.train.fitting import fit
from stages.train.linear_start import possible_model, start_head
from stages.train.pooled_head import student_of
from tools.search.bench import Bench
from tools.search.space import change


class Scorer(keras.callbacks.Callback):
    """Scores each epoch on validation; gives the trial up if it lags, or at the deadline."""

    def __init__(self, bench: Bench, maps: np.ndarray, trial: optuna.Trial, deadline: float):
        """Args:
        bench: data.
        maps: of val, as the head takes them, (n, views, height, width, channels).
        trial: to which scores are reported.
        deadline: of `time.monotonic`; infinity for a trial that must come to its end.
        """
        super().__init__()
        self.bench, self.trial, self.deadline = bench, trial, deadline
        self.maps, self.forward = maps, None

    def score(self, model: keras.Model) -> float:
        """The objective of the model as it is now."""
        if self.forward is None:
            self.forward = inference(model)
        maps, size = self.maps, self.bench.params.compute.batch_size
        probabilities = [
            self.forward(maps[i : i + size, 0].astype(np.float32))
            for i in range(0, len(maps), size)
        ]
        label = self.bench.data.splits["val"].label
        averages = metrics.averages(label, np.concatenate(probabilities).astype(float))
        return averages[self.bench.objective]

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Reports the epoch's score."""
        self.trial.report(self.score(self.model), epoch)
        if math.isinf(self.deadline):
            return
        if time.monotonic() > self.deadline:
            self.trial.set_user_attr("given up", "the time was over")
            raise optuna.TrialPruned
        if self.trial.should_prune():
            self.trial.set_user_attr("given up", f"lagged in epoch {epoch + 1}")
            raise optuna.TrialPruned


def try_settings(bench: Bench, trial: optuna.Trial, settings: dict, deadline: float) -> float:
    """Fits a head with the settings; returns the objective of the epoch that training keeps.

    `build_head` draws the same numbers as in the stage train, whose model then has this very score.
    """
    params = change(bench.params, settings)
    keras.backend.clear_session()
    map_shape, model = bench.maps["train"].shape[2:], possible_model(params.model)
    head = build_head(map_shape, bench.n_classes, model.attention, model.head)
    start_head(head, model, bench.baseline, bench.maps["train"], bench.data, params.seed)
    student = student_of(head, model, bench.maps, bench.data)
    batches = head_batches(
        student.maps, bench.data, params.train.batch_size, params.oversample.method, params.seed
    )
    scorer = Scorer(bench, student.maps["val"], trial, deadline)
    fit(
        student.head,
        params.train,
        batches["train"],
        batches["val"],
        callbacks=[scorer],
        start_counts=model.head.start == "linear",
    )
    return scorer.score(student.head)
