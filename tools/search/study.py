"""Study of a search: its trials in a journal, which setting comes next, and which was best."""

import hashlib
import json
import math
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from common import cli
from common.errors import StageError
from common.params import Params
from tools.search.bench import Bench
from tools.search.space import CHOICES, encode, suggest
from tools.search.trials import try_settings

# A trial is given up in an epoch in which half of at least this many others were better.
OTHERS = 4
EPOCHS_BEFORE = 3  # which each trial has in any case
RANDOM_TRIALS = 10  # before the sampler believes that it knows something


def study_name(params: Params, input_hashes: list[str]) -> str:
    """A name of all that decides a trial: its inputs, today's settings, what may be tried.

    Another name is another study, so that a search is continued only where that is right.

    Args:
        params: today's.
        input_hashes: md5 of the maps, the dataset and the sampling.
    """
    content = params.model_dump_json(include={"seed", "oversample", "model", "train", "compute"})
    parts = [*input_hashes, content, json.dumps(CHOICES)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]


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
    bench: Bench,
    study: optuna.Study,
    seconds: float,
    count: int | None,
    after_trial: Callable[[optuna.Study], None],
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
        after_trial: is called with the study after each trial.
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
        after_trial(study)


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
    """A row per trial, for a CSV: number, state, score, epochs, seconds and settings."""
    rows = []
    for trial in study.get_trials(deepcopy=False):
        seconds = trial.duration.total_seconds() if trial.duration else math.nan
        state = {"COMPLETE": "finished", "PRUNED": "given up"}.get(trial.state.name, "failed")
        row = {"trial": trial.number, "state": state, "score": trial.value}
        row |= {"epochs": len(trial.intermediate_values), "seconds": round(seconds, 1)}
        rows.append(row | trial.user_attrs.get("settings", {}))
    return rows
