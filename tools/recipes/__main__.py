"""Runs recipes as DVC experiments: `python -m recipes NAME`, or `--all` of them.

Each is a file of settings in recipes/. It starts from the parameters of the last commit, so that no
earlier experiment's settings slip in; data, clean, seed, gradcam and compute are the workspace's.
"""

import argparse
import sys
import time
from pathlib import Path

from ruamel.yaml import YAML

from common import cli
from common.errors import StageError
from common.params import read_params
from common.values import as_list
from tools.recipes import dvc_calls
from tools.recipes.overrides import parse_settings
from tools.recipes.reading import (
    Experiment,
    Value,
    check_settings,
    experiments,
    flatten,
    read_recipe,
    recipe_names,
)
from tools.recipes.table import Row, render

WORKSPACE = ("seed", "data", "clean", "gradcam", "compute")  # no recipe's business


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m recipes",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", nargs="?", metavar="NAME", help="the recipe to run")
    parser.add_argument("--all", action="store_true", help="queue all, run them, print a table")
    parser.add_argument("--list", action="store_true", help="the recipes, a line each")
    parser.add_argument("--queue", action="store_true", help="only queue what would run")
    parser.add_argument(
        "--set",
        nargs="*",
        default=[],
        metavar="PARAMETER=VALUE",
        help="settings that win over the recipe's, e.g. model.weights=none train.epochs=1",
    )
    return parser.parse_args(argv)


def plan(names: list[str], changes: dict[str, Value]) -> list[Experiment]:
    """The experiments of these recipes, with every setting, checked.

    Args:
        names: of recipes.
        changes: settings that win over those of the recipes.

    Raises:
        StageError: a recipe, or what it sets, cannot be used.
    """
    read_params(Path("params.yaml"))
    content = YAML(typ="safe", pure=True).load(Path("params.yaml"))
    here, committed = flatten(content), flatten(dvc_calls.committed_params())
    base = {
        name: committed[name]
        for name, value in here.items()
        if name.split(".")[0] not in WORKSPACE and committed.get(name, value) != value
    }
    planned = []
    for recipe in names:
        for experiment in experiments(recipe, read_recipe(recipe)):
            experiment = experiment._replace(settings=base | experiment.settings | changes)
            planned.append(experiment._replace(params=check_settings(content, experiment)))
    for name in base:
        if any(base[name] == experiment.settings[name] for experiment in planned):
            print(f"{name}: {committed[name]}, as in the last commit, not {here[name]}")
    # An ensemble needs its members finished.
    return sorted(planned, key=lambda experiment: bool(experiment.params.ensemble.members))


def copy_paths(experiment: Experiment) -> list[str]:
    """Sources and weights that a queued run needs and git does not hold."""
    params = experiment.params
    paths = [weights for weights in as_list(params.model.weights) if Path(weights).is_file()]
    return dvc_calls.untracked([*paths, *([params.data.path] * (params.data.source == "path"))])


def replace(planned: list[Experiment]) -> None:
    """Makes room for experiments of the same names."""
    for name in dvc_calls.replace([experiment.name for experiment in planned]):
        print(f"{name}: replaces the experiment of that name")


def enqueue(planned: list[Experiment]) -> dict[str, str]:
    """Queues experiments; returns why some were refused, by name."""
    replace(planned)
    refused = {}
    for experiment in planned:
        reason = dvc_calls.enqueue(experiment, copy_paths(experiment))
        print(f"{experiment.name}: {'refused: ' + reason if reason else 'queued'}", flush=True)
        if reason:
            refused[experiment.name] = reason
    return refused


def run_all(planned: list[Experiment]) -> list[Row]:
    """Queues experiments, runs the queue and waits for its end."""
    refused = enqueue(planned)
    spent = dvc_calls.run_queue([item.name for item in planned if item.name not in refused])
    found = dvc_calls.find([experiment.name for experiment in planned])
    rows = []
    for experiment in planned:
        own = found.get(experiment.name)
        log, reason = own.log if own else None, refused.get(experiment.name)
        if reason is None and (own is None or own.state != "success"):
            reason = dvc_calls.failure(log)
        rows.append(_row(experiment, own, spent.get(experiment.name), reason))
    return rows


def run_here(planned: list[Experiment]) -> list[Row]:
    """Runs experiments one after the other in the workspace."""
    replace(planned)
    ended = {}
    for experiment in planned:
        print(f"==> {experiment.name}", flush=True)
        start = time.monotonic()
        status = dvc_calls.run_here(experiment)
        reason = f"dvc ended with status {status}; see above" if status else None
        ended[experiment.name] = (time.monotonic() - start, reason)
    found = dvc_calls.find(list(ended))
    return [_row(item, found.get(item.name), *ended[item.name]) for item in planned]


def _row(experiment: Experiment, found, seconds: float | None, reason: str | None) -> Row:
    return Row(experiment, read_recipe(experiment.recipe).reference, found, seconds, reason)


def main(argv: list[str] | None = None) -> None:
    """The command line."""
    args = parse(argv)
    if args.list:
        for name in recipe_names():
            recipe = read_recipe(name)
            variants = f" ({', '.join(recipe.variants)})" if recipe.variants else ""
            print(f"{name:16} {recipe.about.splitlines()[0]}{variants}")
        return
    if args.all == (args.name is not None):
        raise StageError(
            f"Expected the name of a recipe ({', '.join(recipe_names())}), or --all. Received: "
            f"{'both' if args.all else 'neither'}. With make: make recipe NAME={recipe_names()[0]}"
        )
    planned = plan(recipe_names() if args.all else [args.name], parse_settings(args.set))
    if args.queue:
        refused = enqueue(planned)
        print("`dvc queue start` runs them, `dvc queue status` shows how far it is")
        sys.exit(1 if refused else 0)
    rows = run_all(planned) if args.all else run_here(planned)
    print(f"\n{render(rows)}\n")
    if args.all:
        print("`dvc exp apply NAME` brings one into the workspace, `dvc exp show` compares all")
    else:
        print("params.yaml and the results in the workspace are this recipe's now. Back to the")
        print("last commit: git checkout . && dvc checkout")
    sys.exit(1 if any(row.reason for row in rows) else 0)


if __name__ == "__main__":
    cli.run(main)
