"""Results of a search as text: the best trials, their settings, metrics before and after."""

from typing import Any

import optuna

from common.params import Params
from tools.search.bench import Bench
from tools.search.space import changes
from tools.search.study import finished, rows_of, start_of

LISTED = 5  # finished trials in the table
METRICS = ("accuracy", "f1_macro", "loss")


def describe_settings(params: Params, settings: dict[str, Any]) -> str:
    """What a trial changes, in a line."""
    changed = changes(params, settings)
    return ", ".join(f"{name}={value}" for name, value in changed.items()) or "as in params.yaml"


def trials_table(bench: Bench, study: optuna.Study) -> str:
    """Today's settings and the best trials, with their scores on validation."""
    start, best = start_of(study), finished(study)[:LISTED]
    lines = [f"{'trial':>7}  {'val ' + bench.objective:>12}  settings"]
    for trial in [start, *(trial for trial in best if trial.number != start.number)]:
        name = "start" if trial.number == start.number else str(trial.number)
        text = describe_settings(bench.params, trial.user_attrs["settings"])
        lines.append(f"{name:>7}  {trial.value:>12.4f}  {text}")
    return "\n".join(lines)


def trial_counts(study: optuna.Study) -> str:
    """How many trials ended how, in a line."""
    states = [row["state"] for row in rows_of(study)]
    counts = {state: states.count(state) for state in ("finished", "given up", "failed")}
    return ", ".join(f"{count} {state}" for state, count in counts.items() if count)


def metrics_table(before: dict | None, after: dict) -> str:
    """The pipeline's own metrics of the start, where known, and of the experiment.

    Args:
        before: the content of metrics/evaluate.json at the start, or None.
        after: the same of the experiment.
    """
    columns = {"start": before, "search": after} if before else {"search": after}
    lines = [" " * 16 + "".join(f"{name:>10}" for name in columns)]
    for split in ("val", "test"):
        for metric in METRICS:
            numbers = [content[split][metric] for content in columns.values()]
            lines.append(
                f"{split + ' ' + metric:>16}" + "".join(f"{number:>10.4f}" for number in numbers)
            )
    return "\n".join(lines)
