"""Trials of the search: a head is fitted on the cached maps, judged, and given up if it lags."""

import math
import random
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from common import cli, metrics, tables
from common.errors import StageError
from common.params import Params
from networks.backbones.build import build_backbone
from networks.forward import inference
from networks.heads import build_head
from networks.maps import MapBatches, read_maps
from stages.train.fitting import fit
from stages.train.smote import find_mixtures
from tools.search.space import change, encode, suggest

SPLITS = ("train", "val")  # never test
# A trial is given up in an epoch in which half of at least this many others were better.
OTHERS = 4
EPOCHS_BEFORE = 3  # which each trial has in any case
RANDOM_TRIALS = 10  # before the sampler believes that it knows something


class Bench(NamedTuple):
    """Everything that stays the same from trial to trial.

    Attributes:
        params: today's.
        class_names: in the order of the label index.
        label: int64 (n,) by split.
        maps: float16 (n, views, height, width, channels) by split, memory-mapped.
        sampling: of train.
        draws: state of Python's random numbers, from which Keras takes all seeds, at the point
            where the stage train builds its head; None: as right after the seed is set.
    """

    params: Params
    class_names: list[str]
    label: dict[str, np.ndarray]
    maps: dict[str, np.ndarray]
    sampling: tables.Sampling
    draws: tuple | None = None

    @property
    def objective(self) -> str:
        """Of `metrics.averages`, on validation: loss, accuracy or f1_macro, as train.monitor says.

        Metrics of training would reward overfitting; loss of validation stands for them.
        The loss is plain cross-entropy, because `val_loss` holds label smoothing and the L2
        penalty of the very setting that it would judge.
        """
        monitor = self.params.train.monitor
        return monitor.removeprefix("val_") if monitor.startswith("val_") else "loss"


def open_bench(params: Params, dataset: Path, features: Path, sampling: Path) -> Bench:
    """Opens the cached maps of train and val.

    Raises:
        StageError: a backbone that is tuned, or maps that do not fit the dataset.
    """
    if params.model.trainable != "none":
        raise StageError(
            "Expected model.trainable none: the search fits heads on the cached maps of a frozen "
            f"backbone. Received: {params.model.trainable}. Search with none, then tune the "
            "backbone with what was found."
        )
    splits = {name: tables.Dataset(dataset / name) for name in SPLITS}
    maps = {name: read_maps(features / f"{name}.npy", split) for name, split in splits.items()}
    label = {name: split.label for name, split in splits.items()}
    names = splits["train"].class_names
    # The backbone takes random numbers before the head does, also where weights are loaded.
    model = params.model
    keras.utils.set_random_seed(params.seed)
    build_backbone(model.backbone, params.split.image_size, model.weights, model.layer)
    draws = random.getstate()
    return Bench(params, names, label, maps, tables.read_sampling(sampling), draws)


class Watch(keras.callbacks.Callback):
    """Judges each epoch on validation; gives the trial up if it lags, or at the deadline."""

    def __init__(self, bench: Bench, trial: optuna.Trial, deadline: float):
        """Args:
        bench: data.
        trial: to which scores are reported.
        deadline: of `time.monotonic`; infinity for a trial that must come to its end.
        """
        super().__init__()
        self.bench, self.trial, self.deadline = bench, trial, deadline
        self.forward = None

    def score(self, model: keras.Model) -> float:
        """The objective of the model as it is now."""
        if self.forward is None:
            self.forward = inference(model)
        maps, size = self.bench.maps["val"], self.bench.params.compute.batch_size
        parts = [
            self.forward(maps[i : i + size, 0].astype(np.float32))
            for i in range(0, len(maps), size)
        ]
        found = metrics.averages(self.bench.label["val"], np.concatenate(parts).astype(float))
        return found[self.bench.objective]

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
    """Fits a head with the settings; the objective of the epoch that training keeps.

    The same numbers are drawn as by the stage train, so that its model has this very score.
    """
    params = change(bench.params, settings)
    keras.backend.clear_session()
    keras.utils.set_random_seed(params.seed)
    if bench.draws is not None:
        random.setstate(bench.draws)
    n_classes = len(bench.class_names)
    mixtures = None
    if params.oversample.method == "smote":
        rows, occurrences, _ = bench.sampling
        mixtures = find_mixtures(
            bench.maps["train"], bench.label["train"], rows, occurrences, params.seed
        )
    sampling = {"train": bench.sampling, "val": tables.Sampling.plain(len(bench.label["val"]))}
    batches = {
        name: MapBatches(
            bench.maps[name],
            bench.label[name],
            n_classes,
            sampling[name],
            params.train.batch_size,
            params.seed,
            mixtures if name == "train" else None,
        )
        for name in SPLITS
    }
    map_shape = bench.maps["train"].shape[2:]
    head = build_head(map_shape, n_classes, params.model.attention, params.model.head)
    watch = Watch(bench, trial, deadline)
    fit(head, params.train, batches["train"], batches["val"], callbacks=[watch])
    return watch.score(head)


def open_study(bench: Bench, journal: Path | None, name: str) -> optuna.Study:
    """A study of the bench's objective, continued if the journal holds it.

    A trial that an interrupted run left half-done counts as failed.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    storage = None
    if journal:
        journal.parent.mkdir(parents=True, exist_ok=True)
        storage = JournalStorage(JournalFileBackend(str(journal)))
    study = optuna.create_study(
        storage=storage,
        study_name=name,
        load_if_exists=True,
        direction="minimize" if bench.objective == "loss" else "maximize",
        pruner=optuna.pruners.MedianPruner(OTHERS, EPOCHS_BEFORE),
    )
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        study.tell(trial.number, state=TrialState.FAIL)
    return study


def start_of(study: optuna.Study) -> optuna.trial.FrozenTrial | None:
    """The finished trial of today's settings; None before it."""
    done = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    return next((trial for trial in done if trial.user_attrs["start"]), None)


def search(
    bench: Bench, study: optuna.Study, seconds: float, count: int | None, moved: Callable
) -> None:
    """Runs trials until the time or their number is used up; the first is today's settings.

    Which settings a trial gets depends on the seed, its number and the trials before it, so that
    a study which was interrupted and continued equals one in a single run, as long as no trial
    meets the end of the time.

    Args:
        bench: data.
        study: from `open_study`; gets the trials. Their user attribute `settings` holds the
            parameters.
        seconds: after which no trial is started and those under way are given up. The trial of
            today's settings is always finished.
        count: trials at most; None: no limit.
        moved: is called with the study after each trial.
    """
    deadline, done = time.monotonic() + seconds, 0
    while (count is None or done < count) and (done == 0 or time.monotonic() < deadline):
        first = start_of(study) is None
        number = len(study.get_trials(deepcopy=False))
        study.sampler = _sampler((bench.params.seed + number) % 2**32)
        if first:
            study.enqueue_trial(encode(bench.params))
        trial = study.ask()
        settings = suggest(trial, bench.params)
        trial.set_user_attr("start", first)
        trial.set_user_attr("settings", settings)
        try:
            limit = math.inf if first else deadline
            study.tell(trial, try_settings(bench, trial, settings, limit))
        except optuna.TrialPruned:
            study.tell(trial, state=TrialState.PRUNED)
        except StageError as error:  # a loss that is no number; today's settings must not have it
            study.tell(trial, state=TrialState.FAIL)
            if first:
                raise
            cli.warn("search", f"trial {trial.number} failed: {error}")
        done += 1
        moved(study)


def _sampler(seed: int) -> optuna.samplers.TPESampler:
    """Tree-structured Parzen estimators, one for each branch of the conditional space."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # group
        return optuna.samplers.TPESampler(
            n_startup_trials=RANDOM_TRIALS, multivariate=True, group=True, seed=seed
        )


def finished(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    """The finished trials, best first; of equals the earlier, so today's settings win ties."""
    done = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    sign = 1 if study.direction == optuna.study.StudyDirection.MINIMIZE else -1
    return sorted(done, key=lambda trial: (sign * trial.value, trial.number))


def rows_of(study: optuna.Study) -> list[dict[str, Any]]:
    """A row per trial, for a table: number, state, score, epochs, seconds and settings."""
    rows = []
    for trial in study.get_trials(deepcopy=False):
        seconds = trial.duration.total_seconds() if trial.duration else math.nan
        state = {"COMPLETE": "finished", "PRUNED": "given up"}.get(trial.state.name, "failed")
        row = {"trial": trial.number, "state": state, "score": trial.value}
        row |= {"epochs": len(trial.intermediate_values), "seconds": round(seconds, 1)}
        rows.append(row | trial.user_attrs.get("settings", {}))
    return rows
