"""Search for better settings of the head and its training; the best become an experiment.

    python -m tools.search --minutes 5

Trials are scored on validation alone, on the maps that the stage extract has cached. The first one
has the settings of params.yaml. A search with the same maps and parameters is continued; its
trials are listed in a CSV in the folder of --folder.
"""

import argparse
import hashlib
import json
import math
import shlex
from pathlib import Path
from typing import Any

import optuna
import pandas as pd

from common import cli
from common.errors import StageError
from common.files import atomic_file, read_json
from common.params import read_params
from networks.runtime import configure
from tools.dvc_project.experiments import experiment_names, experiment_words, run_experiment
from tools.dvc_project.graph import flags_of, outdated, output_hashes
from tools.search.bench import Bench, open_bench
from tools.search.results import metrics_table, trial_counts, trials_table
from tools.search.space import changes
from tools.search.study import finished, open_study, rows_of, search, start_of, study_name
from tools.settings import overrides

INPUTS = ("dataset", "features", "sampling")  # flags of the stage train: what trials read


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
    parser.add_argument(
        "--folder",
        type=Path,
        default=Path("search"),
        metavar="PATH",
        help="keeps the trials (default: search)",
    )
    parser.add_argument("--params", type=Path, default=Path("params.yaml"), metavar="PATH")
    parser.add_argument("--no-experiment", action="store_true", help="only search")
    args = parser.parse_args(argv)
    if not (math.isfinite(args.minutes) and args.minutes > 0):
        raise StageError(f"Expected --minutes above 0. Received: {args.minutes:g}.")
    if args.trials is not None and args.trials < 1:
        raise StageError(f"Expected --trials of at least 1. Received: {args.trials}.")
    return args


def require_features() -> None:
    """Makes sure that maps and sampling are those of today's parameters, code and images.

    Raises:
        StageError: with the stages that have to run first.
    """
    changed = outdated("oversample", "extract")
    if changed:
        raise StageError(
            "Expected feature maps and sampling that are up to date. Received: changes in "
            f"{', '.join(changed)}. Run `dvc repro oversample extract` first."
        )


def experiment_name(settings: dict[str, Any]) -> str:
    """A name of the settings that differ from today's, whatever their order."""
    content = json.dumps(settings, sort_keys=True)
    return f"search-{hashlib.sha256(content.encode()).hexdigest()[:8]}"


def run_trials(args: argparse.Namespace, bench: Bench, study: optuna.Study) -> None:
    """Searches within the budget of the command line, with a progress bar."""
    earlier = len(study.trials)
    if earlier:
        print(f"==> continues a search of {earlier} trials", flush=True)
    with cli.progress(None, "search", args.trials, unit="trial") as bar:

        def move_bar(study: optuna.Study) -> None:
            bar.set_postfix(best=f"{finished(study)[0].value:.4f}", refresh=False)
            bar.update()

        search(bench, study, args.minutes * 60, args.trials, move_bar)


def write_trials(path: Path, study: optuna.Study) -> None:
    """Writes a CSV with a row per trial."""
    with atomic_file(path) as temporary:
        pd.DataFrame(rows_of(study)).to_csv(temporary, index=False, lineterminator="\n")


def run_best(settings: dict[str, Any]) -> None:
    """Runs the settings as an experiment, unless there is one, and prints its metrics.

    Raises:
        StageError: it failed; what DVC and the stage said stands above.
    """
    experiment = experiment_name(settings)
    if experiment in experiment_names():
        cli.summary("search", f"that is experiment {experiment}: dvc exp apply {experiment}")
        return
    metrics = flags_of("evaluate")["metrics"]
    before = None if outdated("evaluate") else read_json(metrics)
    print("==>", shlex.join(["dvc", *experiment_words(experiment, settings)]), flush=True)
    status = run_experiment(experiment, settings)
    if status:
        raise StageError(
            f"Expected the experiment {experiment} to run. Received: status {status} of dvc, which "
            "says why above. `git checkout . && dvc checkout` brings the workspace back."
        )
    print(metrics_table(before, read_json(metrics)))
    cli.summary(
        "search",
        f"experiment {experiment} is in the workspace; `git checkout . && dvc checkout` brings "
        "the start back",
    )


def main(argv: list[str] | None = None) -> None:
    """Checks, searches, prints, and runs the best settings as an experiment."""
    args = parse(argv)
    params = read_params(args.params)
    flags = flags_of("train")
    if params.model.trainable == "none":
        require_features()  # of a tuned backbone open_bench says what is wrong
    configure(params.seed, params.compute.threads)
    bench = open_bench(params, *(flags[name] for name in INPUTS))
    hashes = output_hashes()
    name = study_name(params, [hashes[flags[flag].as_posix()] for flag in INPUTS])
    study = open_study(bench, args.folder / "trials.log", name)
    run_trials(args, bench, study)
    write_trials(args.folder / f"{name}.csv", study)
    print(trials_table(bench, study))
    cli.summary("search", f"{trial_counts(study)}; all of them in {args.folder / name}.csv")
    best = finished(study)[0]
    settings = changes(params, best.user_attrs["settings"])
    if best.number == start_of(study).number or not settings:
        cli.summary("search", "nothing better than the settings of params.yaml was found")
        return
    cli.warn(
        "search",
        f"the best of {len(study.trials)} tries on one validation set looks better there than it "
        "is; test had no part in it and says what it is worth",
    )
    if args.no_experiment:
        print("==> dvc exp run", *overrides(settings))
        return
    run_best(settings)


if __name__ == "__main__":
    cli.run(main)
