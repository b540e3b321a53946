"""The pipeline by DVC and git: its graph, its lock, its last commit, what is out of date."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

from ruamel.yaml import YAML

from common.errors import StageError
from common.params import in_current_terms

GRAPH, LOCK, PARAMS = "dvc.yaml", "dvc.lock", "params.yaml"


def environment() -> dict[str, str]:
    """That of this process, with the programs of this interpreter first on the path.

    DVC starts the stages as `python`, and its worker starts `dvc`.
    """
    folder = Path(sys.executable).parent
    return os.environ | {"PATH": f"{folder}{os.pathsep}{os.environ.get('PATH', '')}"}


def dvc_command(*words: str) -> list[str]:
    """A command line of this interpreter's DVC."""
    return [sys.executable, "-m", "dvc", *words]


def dvc(*words: str, check: bool = True) -> subprocess.CompletedProcess:
    """Runs DVC; its output is captured as text.

    Raises:
        StageError: it failed, unless `check` is false.
    """
    return _run(dvc_command(*words), check)


def git(*words: str, check: bool = True) -> subprocess.CompletedProcess:
    """Runs git, likewise."""
    return _run(["git", *words], check)


def _run(words: list[str], check: bool) -> subprocess.CompletedProcess:
    done = subprocess.run(words, env=environment(), capture_output=True, text=True)
    if check and done.returncode:
        raise StageError(
            f"Expected `{' '.join(words)}` to succeed. Received: status {done.returncode} and "
            f"{(done.stderr or done.stdout).strip()}"
        )
    return done


def read_graph() -> dict[str, dict]:
    """The stages of dvc.yaml, by name.

    Raises:
        StageError: the working folder holds no dvc.yaml.
    """
    try:
        return _parse(Path(GRAPH).read_text(encoding="utf-8"))["stages"]
    except FileNotFoundError:
        raise StageError(
            f"Expected {GRAPH} in {Path.cwd()}. Received: no such file. Run this from the "
            "project's top folder."
        ) from None


def flags_of(stage: str) -> dict[str, Path]:
    """The paths that dvc.yaml hands to a stage, by flag."""
    words = shlex.split(read_graph()[stage]["cmd"])
    flags = [word for word in words if word.startswith("--")]
    return {flag[2:]: Path(words[words.index(flag) + 1]) for flag in flags}


def metrics_files() -> dict[str, str]:
    """The file of metrics of each stage that has one."""
    return {
        stage: next(iter(entry["metrics"][0]))
        for stage, entry in read_graph().items()
        if "metrics" in entry
    }


def output_hashes() -> dict[str, str]:
    """The md5 of each output in dvc.lock, by path."""
    lock = _parse(Path(LOCK).read_text(encoding="utf-8"))
    outputs = [out for entry in lock["stages"].values() for out in entry.get("outs", [])]
    return {out["path"]: out["md5"] for out in outputs if "md5" in out}


def outdated(*stages: str) -> list[str]:
    """The stages, of these and of those before them, in which DVC finds a change; sorted."""
    return sorted(json.loads(dvc("status", "--json", "--with-deps", *stages).stdout))


def committed_params() -> dict:
    """The content of params.yaml as of the last commit, with today's names of parameters.

    Raises:
        StageError: there is no commit with it, which experiments need.
    """
    done = git("show", f"HEAD:./{PARAMS}", check=False)
    if done.returncode:
        raise StageError(
            f"Expected a git repository whose last commit holds {PARAMS}, because `dvc exp` "
            f"keeps experiments beside commits. Received: {done.stderr.strip()}. Commit it first."
        )
    return in_current_terms(_parse(done.stdout))


def untracked(paths: list[str]) -> list[str]:
    """What a queued run would miss of these paths, since git does not hold it.

    The parts of a folder, not the folder, where git holds some of it: DVC cannot copy a folder
    onto one that the copy of the project already has.

    Raises:
        StageError: a relative path that leads out of the project.
    """
    missing = []
    for path in paths:
        if Path(path).is_absolute() or not Path(path).exists():
            continue
        if not Path(path).resolve().is_relative_to(Path.cwd().resolve()):
            raise StageError(
                f"Expected an absolute path, or one inside the project: queued experiments run in "
                f"a copy of it. Received: {path}. Set {Path(path).resolve()}."
            )
        listed = git("ls-files", "--others", "--directory", "-z", "--", path).stdout
        missing += [_with_new_parents(Path(name)) for name in listed.split("\0") if name]
    return sorted(set(missing))


def _with_new_parents(path: Path) -> str:
    """The path, or the outermost folder around it of which git holds nothing."""
    for parent in reversed([path, *path.parents[:-1]]):
        if not git("ls-files", "--", str(parent)).stdout:
            return str(parent)
    return str(path)


def _parse(text: str):
    return YAML(typ="safe", pure=True).load(text)
