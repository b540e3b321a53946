"""Plan of the experiments that recipes ask for: every setting, checked before anything runs."""

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from common.params import read_params
from tools.dvc_project.graph import PARAMS, committed_params
from tools.recipes.reading import Experiment, check_settings, experiments, read_recipe
from tools.settings import Value, flatten

# A variant's heat maps are put to the test when that is asked for (`--set`): a comparison of models
# does not need it, and it would take a fifth of the time again for each.
UNTESTED = {"gradcam.faithfulness_images": 0}
WORKSPACE = ("seed", "data", "clean", "gradcam", "compute")  # sections that no recipe is about


def plan(names: list[str], changes: dict[str, Value]) -> list[Experiment]:
    """The experiments of these recipes, with every setting, checked.

    Args:
        names: of recipes.
        changes: settings that win over those of the recipes.

    Raises:
        StageError: a recipe, or what it sets, cannot be used.
    """
    read_params(Path(PARAMS))
    content = YAML(typ="safe", pure=True).load(Path(PARAMS))
    here = flatten(content)
    base = settings_to_restore(here, flatten(committed_params()))
    planned = []
    for recipe in names:
        for experiment in experiments(recipe, read_recipe(recipe)):
            settings = base | UNTESTED | experiment.settings | changes
            experiment = experiment._replace(settings=settings)
            planned.append(experiment._replace(params=check_settings(content, experiment)))
    for name in base:
        if any(base[name] == experiment.settings[name] for experiment in planned):
            print(f"{name}: {base[name]}, as in the last commit, not {here[name]}")
    # An ensemble needs its members finished.
    return sorted(planned, key=lambda experiment: bool(experiment.params.ensemble.members))


def settings_to_restore(here: dict[str, Any], committed: dict[str, Any]) -> dict[str, Any]:
    """The settings that the workspace has otherwise than the last commit, as committed.

    Without the sections of WORKSPACE, and without parameters that the commit does not have.

    Args:
        here: dotted parameter names and their values in the workspace.
        committed: the same of the last commit.
    """
    return {
        name: committed[name]
        for name, value in here.items()
        if name.split(".")[0] not in WORKSPACE and committed.get(name, value) != value
    }
