"""Searches better settings of the head and its training, and runs the best as an experiment.

    python -m tools.search --minutes 5

Trials are judged on validation alone, on the maps that the stage extract has cached. The first one
has the settings of params.yaml. A search with the same maps and parameters is continued; its
trials stand in a table in the folder of --folder.
"""

import argparse
import math
from pathlib import Path
from typing import Any

import optuna
import pandas as pd

from common import cli
from common.errors import StageError
from common.files import atomic_file, read_json
from common.params import Params, read_params
from networks.runtime import configure
from tools.search import project, trials
from tools.search.space import changes

SHOWN = 5  # finished trials in the table


def parse(argv: list[str] | None) -> argparse.Namespace:
    """The command line.

    Raises:
        StageError: a budget that allows no trial.
    """
    parser = argparse.ArgumentParser(
        prog="python -m tools.search",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--minutes", type=float, default=5.0, help="budget (default: 5)")
    parser.add_argument("--trials", type=int, help="trials at most; default: no limit")
    parser.add_argument("--folder", type=Path, default=Path("search"), metavar="PATH")
    parser.add_argument("--params", type=Path, default=Path("params.yaml"), metavar="PATH")
    parser.add_argument("--no-experiment", action="store_true", help="only search")
    args = parser.parse_args(argv)
    if not (math.isfinite(args.minutes) and args.minutes > 0):
        raise StageError(f"Expected --minutes above 0. Received: {args.minutes:g}.")
    if args.trials is not None and args.trials < 1:
        raise StageError(f"Expected --trials of at least 1. Received: {args.trials}.")
    return args


def described(params: Params, settings: dict[str, Any]) -> str:
    """What a trial changes, in a line."""
    changed = changes(params, settings)
    return ", ".join(f"{name}={value}" for name, value in changed.items()) or "as in params.yaml"


def table(bench: trials.Bench, study: optuna.Study) -> str:
    """Today's settings and the best trials, with their scores on validation."""
    start, best = trials.start_of(study), trials.finished(study)[:SHOWN]
    lines = [f"{'trial':>7}  {'val ' + bench.objective:>12}  settings"]
    for trial in [start, *(one for one in best if one.number != start.number)]:
        name = "start" if trial.number == start.number else str(trial.number)
        text = described(bench.params, trial.user_attrs["settings"])
        lines.append(f"{name:>7}  {trial.value:>12.4f}  {text}")
    return "\n".join(lines)


def summary_of(study: optuna.Study) -> str:
    """How many trials ended how."""
    states = [row["state"] for row in trials.rows_of(study)]
    counts = {state: states.count(state) for state in ("finished", "given up", "failed")}
    return ", ".join(f"{count} {state}" for state, count in counts.items() if count)


def print_results(before: dict | None, after: dict) -> None:
    """The pipeline's own metrics of start and experiment."""
    names = [(s, m) for s in ("val", "test") for m in ("accuracy", "f1_macro", "loss")]
    print(f"{'':>16}" + ("     start" if before else "") + "    search")
    for split, metric in names:
        numbers = [found[split][metric] for found in (before, after) if found]
        print(f"{split + ' ' + metric:>16}" + "".join(f"{number:>10.4f}" for number in numbers))


def main(argv: list[str] | None = None) -> None:
    """Checks, searches, prints, and runs the best settings as an experiment."""
    args = parse(argv)
    params = read_params(args.params)
    flags = project.flags_of("train")
    if params.model.trainable == "none":
        project.require_features()  # of a tuned backbone open_bench says what is wrong
    configure(params.seed, params.compute.threads)
    bench = trials.open_bench(params, *(flags[name] for name in project.INPUTS))
    name = project.study_name(params)
    study = trials.open_study(bench, args.folder / "trials.log", name)
    earlier = len(study.trials)
    if earlier:
        print(f"==> continues a search of {earlier} trials", flush=True)
    with cli.progress(None, "search", args.trials, unit="trial") as bar:

        def moved(found: optuna.Study) -> None:
            bar.set_postfix(best=f"{trials.finished(found)[0].value:.4f}", refresh=False)
            bar.update()

        trials.search(bench, study, args.minutes * 60, args.trials, moved)
    csv = args.folder / f"{name}.csv"
    with atomic_file(csv) as temporary:
        pd.DataFrame(trials.rows_of(study)).to_csv(temporary, index=False, lineterminator="\n")
    print(table(bench, study))
    cli.summary("search", f"{summary_of(study)}; all of them in {csv}")
    best = trials.finished(study)[0]
    settings = changes(params, best.user_attrs["settings"])
    if best.number == trials.start_of(study).number or not settings:
        cli.summary("search", "nothing better than the settings of params.yaml was found")
        return
    cli.warn(
        "search",
        f"the best of {len(study.trials)} tries on one validation set looks better there than it "
        "is; test had no part in it and says what it is worth",
    )
    if args.no_experiment:
        print("==> dvc exp run", *project.overrides(settings))
        return
    report(settings)


def report(settings: dict[str, Any]) -> None:
    """Runs the settings as an experiment, unless there is one, and prints what it gives."""
    experiment = project.experiment_name(settings)
    if experiment in project.experiments():
        cli.summary("search", f"that is experiment {experiment}: dvc exp apply {experiment}")
        return
    metrics = project.flags_of("evaluate")["metrics"]
    before = None if project.outdated("evaluate") else read_json(metrics)
    project.run_experiment(experiment, settings)
    print_results(before, read_json(metrics))
    cli.summary(
        "search",
        f"experiment {experiment} is in the workspace; `git checkout . && dvc checkout` brings "
        "the start back",
    )


if __name__ == "__main__":
    cli.run(main)
