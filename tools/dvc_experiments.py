"""What the recipes ask of DVC and git: experiments, their queue, and what came of them."""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from ruamel.yaml import YAML

from common.errors import StageError
from tools.recipes.overrides import override
from tools.recipes.reading import Experiment

WAITING = ("Queued", "Running")
POLL_SECONDS = 5.0  # a look at the queue costs DVC about a second of one core
PATIENCE = 6  # looks at a queue without worker before it gets a new one; a start takes about two


class Found(NamedTuple):
    """What DVC knows of an experiment.

    Attributes:
        state: success or failed.
        test: the metrics of the test split, of an ensemble those of its selection; empty where
            the run did not come so far.
        log: the log of a queued run, or None.
    """

    state: str
    test: dict
    log: Path | None


def _environment() -> dict[str, str]:
    """DVC's worker starts `dvc`, and the stages `python`: those of this interpreter."""
    folder = Path(sys.executable).parent
    return os.environ | {"PATH": f"{folder}{os.pathsep}{os.environ.get('PATH', '')}"}


def _call(*words: str, check: bool = True) -> subprocess.CompletedProcess:
    done = subprocess.run(words, env=_environment(), capture_output=True, text=True)
    if check and done.returncode:
        raise StageError(
            f"Expected `{' '.join(words)}` to succeed. Received: status {done.returncode} and "
            f"{(done.stderr or done.stdout).strip()}"
        )
    return done


def _dvc(*words: str, check: bool = True) -> subprocess.CompletedProcess:
    return _call(sys.executable, "-m", "dvc", *words, check=check)


def committed_params() -> dict:
    """The content of params.yaml as of the last commit.

    Raises:
        StageError: there is no commit with it, which experiments need.
    """
    done = _call("git", "show", "HEAD:./params.yaml", check=False)
    if done.returncode:
        raise StageError(
            "Expected a git repository whose last commit holds params.yaml, because `dvc exp` "
            f"keeps experiments beside commits. Received: {done.stderr.strip()}. Commit it first."
        )
    return YAML(typ="safe", pure=True).load(done.stdout)


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
        listed = _call("git", "ls-files", "--others", "--directory", "-z", "--", path).stdout
        missing += [_with_new_parents(Path(part)) for part in listed.split("\0") if part]
    return sorted(set(missing))


def _with_new_parents(path: Path) -> str:
    """The path, or the outermost folder around it of which git holds nothing."""
    for parent in reversed([path, *path.parents[:-1]]):
        if not _call("git", "ls-files", "--", str(parent)).stdout:
            return str(parent)
    return str(path)


def replace(names: list[str]) -> list[str]:
    """Removes experiments of these names, of the last commit and from the queue.

    Returns:
        Those that had results.

    Raises:
        StageError: one of them is running.
    """
    queued = _queue()[0]
    running = [name for name in names if "Running" in queued.get(name, [])]
    if running:
        raise StageError(
            f"Expected no experiment called {running[0]} to be running. Received: one. Wait for "
            f"it (`dvc queue status`), or end it with `dvc queue kill {running[0]}`."
        )
    for name in names:
        for _ in queued.get(name, []):
            _dvc("queue", "remove", name, check=False)
    finished = set(_dvc("exp", "list", "--name-only").stdout.split())
    old = [name for name in names if name in finished]
    if old:
        _dvc("exp", "remove", *old)
    return old


def _words(experiment: Experiment) -> list[str]:
    words = ["exp", "run", "--name", experiment.name]
    for name, value in experiment.settings.items():
        words += ["--set-param", override(name, value)]
    return words


def run_here(experiment: Experiment) -> int:
    """Runs an experiment in the workspace, its output shown; returns DVC's exit status."""
    command = [sys.executable, "-m", "dvc", *_words(experiment)]
    return subprocess.run(command, env=_environment()).returncode


def enqueue(experiment: Experiment, copy_paths: list[str]) -> str | None:
    """Puts an experiment into the queue; returns why DVC refused it, or None."""
    copies = [word for path in copy_paths for word in ("--copy-paths", path)]
    done = _dvc(*_words(experiment), "--queue", *copies, check=False)
    return None if done.returncode == 0 else _reason(done.stderr)


def _queue() -> tuple[dict[str, list[str]], int]:
    """The states of all tasks by experiment name, and the number of workers."""
    states: dict[str, list[str]] = {}
    text = _dvc("queue", "status").stdout
    for task, name, state in re.findall(r"^([0-9a-f]{7}) +(\S+) .* (\w+) *$", text, re.M):
        states.setdefault(name or task, []).append(state)
    active, idle = re.search(r"(\d+) active, (\d+) idle", text).groups()
    return states, int(active) + int(idle)


def _start_worker() -> None:
    """Lets one worker run the queue in the background, unless there is one."""
    words = ("queue", "start", "--jobs", "1")
    # A file, not a pipe: the worker inherits it, and a pipe would be read until the worker ends.
    with tempfile.TemporaryFile("w+") as output:
        command = [sys.executable, "-m", "dvc", *words]
        done = subprocess.run(command, env=_environment(), stdout=output, stderr=output)
        output.seek(0)
        if done.returncode:
            raise StageError(
                f"Expected `dvc {' '.join(words)}` to start a worker. Received: "
                f"{output.read().strip()}"
            )


def run_queue(names: list[str]) -> dict[str, float]:
    """Starts the queue and waits until these experiments are done, saying how far it is.

    One worker: a second one would compute stages that both need twice, and TensorFlow uses all
    cores anyway. Where the worker dies, what it was at counts as failed and a new one goes on.

    Returns:
        Wall time of each in seconds, to within twice POLL_SECONDS: DVC itself keeps none.
    """
    if names:
        _start_worker()
    seen, alone, spent, begun = {}, 0, {}, {}
    last_end = time.monotonic()
    while True:
        states, workers = _queue()
        now = {name: states.get(name, ["Removed"])[-1] for name in names}
        done = sum(state not in WAITING for state in now.values())
        for name, state in now.items():
            if state not in (seen.get(name), "Queued"):
                print(f"[{done}/{len(names)} done] {name}: {state.lower()}", flush=True)
            if state == "Running":
                begun.setdefault(name, time.monotonic())
        ended = [name for name in names if now[name] not in WAITING and name not in spent]
        spent |= {name: time.monotonic() - begun.get(name, last_end) for name in ended}
        if ended:
            last_end = time.monotonic()
        if done == len(names):
            return spent
        seen, alone = now, 0 if workers else alone + 1
        if alone == PATIENCE:
            for name in [name for name, state in now.items() if state == "Running"]:
                _dvc("queue", "kill", name, check=False)
            _start_worker()
            alone = 0
        time.sleep(POLL_SECONDS)


def find(names: list[str]) -> dict[str, Found]:
    """What became of experiments of the last commit, those that DVC knows."""
    files = _metrics_files()
    found = {}
    for baseline in json.loads(_dvc("exp", "show", "--json").stdout):
        for item in baseline.get("experiments") or []:
            if item["name"] not in names:
                continue
            data = item["revs"][0]["data"] or {}
            executor = item["executor"] or {"state": "success", "local": None}
            log = (executor["local"] or {}).get("log")
            params = data.get("params", {}).get("params.yaml", {}).get("data", {})
            metrics = {
                stage: data.get("metrics", {}).get(file, {}).get("data", {})
                for stage, file in files.items()
            }
            judged = metrics["evaluate"]
            if params.get("ensemble", {}).get("members"):
                judged = metrics["ensemble"].get("greedy", {})
            found[item["name"]] = Found(
                executor["state"], judged.get("test", {}), Path(log) if log else None
            )
    return found


def _metrics_files() -> dict[str, str]:
    """The file of metrics of each stage that has one, from the graph."""
    graph = YAML(typ="safe").load(Path("dvc.yaml"))["stages"]
    return {
        stage: next(iter(entry["metrics"][0]))
        for stage, entry in graph.items()
        if "metrics" in entry
    }


def failure(log: Path | None) -> str:
    """The first line of what made a queued run fail."""
    if log is None or not log.exists():
        return "DVC could not set the run up, or it was killed; it left no log"
    return _reason(log.read_text(encoding="utf-8", errors="replace"))


def _reason(text: str) -> str:
    """The first line that a stage or DVC calls an error, else the last line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith("error: ")]
    # An exception that is a bug of ours shows in the traceback's last line, before DVC's.
    if "Traceback (most recent call last):" in lines and errors:
        errors = [lines[max(0, lines.index(errors[0]) - 1)]]
    return (errors or lines[-1:] or ["no output"])[0].removeprefix("error: ")
