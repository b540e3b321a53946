"""Runs recipes as DVC experiments: `python -m tools.recipes NAME`, or `--all` of them.

Each is a file of settings in recipes/. It starts from the parameters of the last commit, so that no
earlier experiment's settings slip in; data, clean, seed, gradcam and compute are the workspace's.
"""

import argparse
import sys

from common import cli
from common.errors import StageError
from tools.recipes.planning import plan
from tools.recipes.reading import read_recipe, recipe_names
from tools.recipes.running import enqueue, run_all, run_here
from tools.recipes.table import render
from tools.settings import parse_settings


def parse(argv: list[str] | None) -> argparse.Namespace:
    """The command line.

    Raises:
        StageError: neither a name nor --all, or both.
    """
    parser = argparse.ArgumentParser(
        prog="python -m tools.recipes",
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
    args = parser.parse_args(argv)
    if not args.list and args.all == (args.name is not None):
        names = recipe_names()
        raise StageError(
            f"Expected the name of a recipe ({', '.join(names)}), or --all. Received: "
            f"{'both' if args.all else 'neither'}. With make: make recipe NAME={names[0]}"
        )
    return args


def print_recipes() -> None:
    """Prints a line for each recipe."""
    for name in recipe_names():
        recipe = read_recipe(name)
        variants = f" ({', '.join(recipe.variants)})" if recipe.variants else ""
        print(f"{name:16} {recipe.about.splitlines()[0]}{variants}")


def main(argv: list[str] | None = None) -> None:
    """Lists, queues or runs recipes, as the command line says."""
    args = parse(argv)
    if args.list:
        print_recipes()
        return
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
