"""What the search asks of DVC: paths, whether results are up to date, and a new experiment."""

import hashlib
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

from dvc.repo import Repo
from ruamel.yaml import YAML

from common.errors import StageError
from common.params import Params
from tools.recipes.overrides import override

GRAPH, LOCK = "dvc.yaml", "dvc.lock"
INPUTS = ("dataset", "features", "sampling")  # of the stage train: what trials read


def flags_of(stage: str) -> dict[str, Path]:
    """The paths that dvc.yaml hands to a stage, by flag.

    Raises:
        StageError: the working folder holds no dvc.yaml.
    """
    try:
        graph = YAML(typ="safe", pure=True).load(Path(GRAPH).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise StageError(
            f"Expected {GRAPH} in {Path.cwd()}. Received: no such file. Run this from the "
            "project's top folder."
        ) from None
    words = shlex.split(graph["stages"][stage]["cmd"])
    flags = [word for word in words if word.startswith("--")]
    return {flag[2:]: Path(words[words.index(flag) + 1]) for flag in flags}


def outdated(*stages: str) -> dict[str, list]:
    """What DVC finds changed in these stages and those before them; empty: nothing."""
    with Repo() as repo:
        return repo.status(targets=list(stages), with_deps=True)


def require_features() -> None:
    """Makes sure that maps and sampling are those of today's parameters, code and images.

    Raises:
        StageError: with the stages that have to run first.
    """
    changed = outdated("oversample", "extract")
    if changed:
        names = ", ".join(sorted(changed))
        raise StageError(
            "Expected feature maps and sampling that are up to date. Received: changes in "
            f"{names}. Run `dvc repro oversample extract` first."
        )


def study_name(params: Params) -> str:
    """Of all that decides a trial: maps, sampling, seed, today's settings.

    Another name is another study, so that a search is continued only where that is right.
    """
    lock = YAML(typ="safe", pure=True).load(Path(LOCK).read_text(encoding="utf-8"))
    hashes = {
        out["path"]: out["md5"]
        for stage in lock["stages"].values()
        for out in stage.get("outs", [])
        if "md5" in out
    }
    flags = flags_of("train")
    parts = [hashes[flags[name].as_posix()] for name in INPUTS]
    content = params.model_dump_json(include={"seed", "oversample", "model", "train", "compute"})
    return hashlib.sha256("\n".join([*parts, content]).encode()).hexdigest()[:12]


def experiment_name(settings: dict[str, Any]) -> str:
    """Of the settings that differ from today's."""
    content = json.dumps(settings, sort_keys=True)
    return f"search-{hashlib.sha256(content.encode()).hexdigest()[:8]}"


def overrides(settings: dict[str, Any]) -> list[str]:
    """The settings as words of `dvc exp run`."""
    return [word for name, value in settings.items() for word in ("-S", override(name, value))]


def experiments() -> list[str]:
    """Names of the experiments on today's commit."""
    with Repo() as repo:
        found = repo.experiments.ls()
    return [name for listed in found.values() for name, _ in listed]


def run_experiment(name: str, settings: dict[str, Any]) -> None:
    """Runs the pipeline with the settings, as an experiment of this name.

    Raises:
        StageError: it failed; what DVC and the stage said stands above.
    """
    # DVC starts the stages as `python`: it must be the one that runs here.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    words = [sys.executable, "-m", "dvc", "exp", "run", "-n", name, *overrides(settings)]
    print("==>", shlex.join(["dvc", *words[3:]]), flush=True)
    status = subprocess.run(words, env=os.environ | {"PATH": path}, check=False).returncode
    if status:
        raise StageError(
            f"Expected the experiment {name} to run. Received: status {status} of dvc, which says "
            "why above. `git checkout . && dvc checkout` brings the workspace back."
        )
