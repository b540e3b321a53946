"""Runs of planned experiments, in the workspace or through DVC's queue, with a row for each."""

import time
from pathlib import Path

from common.values import as_list
from tools.dvc_project import experiments
from tools.dvc_project.experiments import Outcome
from tools.dvc_project.graph import untracked
from tools.recipes.reading import Experiment, read_recipe
from tools.recipes.table import Row


def copy_paths(experiment: Experiment) -> list[str]:
    """Sources and weights that a queued run needs and git does not hold."""
    params = experiment.params
    paths = [weights for weights in as_list(params.model.weights) if Path(weights).is_file()]
    return untracked([*paths, *([params.data.path] * (params.data.source == "path"))])


def make_room(planned: list[Experiment]) -> None:
    """Removes earlier experiments of the same names."""
    for name in experiments.remove([experiment.name for experiment in planned]):
        print(f"{name}: replaces the experiment of that name")


def enqueue(planned: list[Experiment]) -> dict[str, str]:
    """Queues experiments; returns why some were refused, by name."""
    make_room(planned)
    refused = {}
    for experiment in planned:
        reason = experiments.enqueue(experiment.name, experiment.settings, copy_paths(experiment))
        print(f"{experiment.name}: {'refused: ' + reason if reason else 'queued'}", flush=True)
        if reason:
            refused[experiment.name] = reason
    return refused


def run_all(planned: list[Experiment]) -> list[Row]:
    """Queues experiments, runs the queue and waits for its end."""
    refused = enqueue(planned)
    queued = [experiment.name for experiment in planned if experiment.name not in refused]
    seconds = experiments.run_queue(queued)
    outcomes = experiments.outcomes([experiment.name for experiment in planned])
    rows = []
    for experiment in planned:
        outcome, reason = outcomes.get(experiment.name), refused.get(experiment.name)
        if reason is None and (outcome is None or outcome.state != "success"):
            reason = experiments.failure(outcome.log if outcome else None)
        rows.append(_row(experiment, outcome, seconds.get(experiment.name), reason))
    return rows


def run_here(planned: list[Experiment]) -> list[Row]:
    """Runs experiments one after the other in the workspace."""
    make_room(planned)
    seconds, reasons = {}, {}
    for experiment in planned:
        print(f"==> {experiment.name}", flush=True)
        start = time.monotonic()
        status = experiments.run_experiment(experiment.name, experiment.settings)
        seconds[experiment.name] = time.monotonic() - start
        reasons[experiment.name] = f"dvc ended with status {status}; see above" if status else None
    outcomes = experiments.outcomes(list(seconds))
    return [
        _row(item, outcomes.get(item.name), seconds[item.name], reasons[item.name])
        for item in planned
    ]


def _row(
    experiment: Experiment, outcome: Outcome | None, seconds: float | None, reason: str | None
) -> Row:
    return Row(experiment, read_recipe(experiment.recipe).reference, outcome, seconds, reason)
