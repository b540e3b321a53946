"""A copy of the project with a git history of its own, to run DVC in."""

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from dvc.repo import Repo
from ruamel.yaml import YAML

from tests.helpers.pipeline import GRAPH, ROOT, STAGES


class Project:
    """A folder with a git history of its own, and the commands that run in it."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.environment = os.environ | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_AUTHOR_NAME": "test",
            "GIT_AUTHOR_EMAIL": "test@localhost",
            "GIT_COMMITTER_NAME": "test",
            "GIT_COMMITTER_EMAIL": "test@localhost",
            "DVC_NO_ANALYTICS": "1",
        }

    def call(self, *words: str, fails=False) -> str:
        """Runs a command and returns what it prints; fails where its exit status is unexpected."""
        process = subprocess.run(
            words,
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=600,
        )
        assert (process.returncode != 0) == fails, process.stdout
        return process.stdout

    def ran(self, output: str) -> list[str]:
        """The stages that ran, by what `dvc repro` printed."""
        return [s for s in STAGES if f"> python -m stages.{s} " in output]

    def experiments(self) -> list[str]:
        return self.call("dvc", "exp", "list", "--name-only").split()

    def lock(self) -> dict:
        return YAML(typ="safe").load(self.folder / "dvc.lock")

    def outputs(self) -> dict:
        """Stage and path to checksum, of everything that dvc.lock holds."""
        return {
            (stage, out["path"]): out.get("md5")
            for stage, entry in self.lock()["stages"].items()
            for out in entry["outs"]
        }

    def changed_stages(self) -> set[str]:
        """The stages that would run, by `dvc status`: called in this process, to be quick."""
        with contextlib.chdir(self.folder), Repo(".") as repo:
            return {name.rpartition(":")[2] for name in repo.status()}

    def commit(self, message: str) -> None:
        self.call("git", "add", "-A")
        self.call("git", "commit", "-qm", message)


def copy_project(folder: Path) -> Project:
    """The project's files, its results left out; `git init` is done, nothing committed."""
    folder.mkdir()
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    ).stdout.decode()
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file() and not name.startswith(("metrics/", "plots/", "dvc.lock")):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / name)
    project = Project(folder)
    project.call("git", "init", "-q", "-b", "main")
    return project


def write_stand_ins(project: Project) -> None:
    """Makes `dvc status` clean without running a stage.

    Every path of the graph that is not there becomes a file or a folder of one file, and DVC
    takes these for the results of the stages.
    """
    for stage in GRAPH.values():
        for kind in ("deps", "outs", "metrics", "plots"):
            for entry in stage.get(kind, []):
                name = next(iter(entry)) if isinstance(entry, dict) else entry
                path = project.folder / name
                if path.exists() or "${" in name:  # ${data.path} is in git
                    continue
                file = path if path.suffix else path / "stand_in"
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(name)
    project.call("dvc", "commit", "--force")


def make_branches(folder: Path, variants: dict[str, dict], write: Callable[..., None]) -> None:
    """Makes a DVC repository of a folder, with a branch for each variant; the tag `empty` has none.

    Args:
        folder: what is in it is in the first commit.
        variants: branch to the arguments of `write`.
        write: writes the folder `predictions`, which DVC then tracks.
    """
    project = Project(folder)
    project.call("git", "init", "-q", "-b", "main")
    project.call("dvc", "init", "-q")
    project.commit("empty")
    project.call("git", "tag", "empty")
    for name, changes in variants.items():
        project.call("git", "checkout", "-q", "-b", name, "empty")
        write(**changes)
        project.call("dvc", "add", "-q", "predictions")
        project.commit(name)
    project.call("git", "checkout", "-q", "main")
