"""DVC's experiments: run in the workspace or through the queue, and their outcomes."""

import json
import re
import subprocess
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from common.errors import StageError
from tools.dvc_project.graph import dvc, dvc_command, environment, metrics_files
from tools.settings import Value, overrides

WAITING = ("Queued", "Running")
POLL_SECONDS = 5.0  # a look at the queue costs DVC about a second of one core
PATIENCE = 6  # looks at a queue without worker before it gets a new one; a start takes about two


class Outcome(NamedTuple):
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


def experiment_names() -> list[str]:
    """The names of the finished experiments on the last commit."""
    return dvc("exp", "list", "--name-only").stdout.split()


def experiment_words(name: str, settings: dict[str, Value]) -> list[str]:
    """The words after `dvc` that run an experiment of this name with these settings."""
    return ["exp", "run", "--name", name, *overrides(settings)]


def run_experiment(name: str, settings: dict[str, Value]) -> int:
    """Runs an experiment in the workspace, its output shown; returns DVC's exit status."""
    command = dvc_command(*experiment_words(name, settings))
    return subprocess.run(command, env=environment()).returncode


def enqueue(name: str, settings: dict[str, Value], copy_paths: list[str]) -> str | None:
    """Puts an experiment into the queue; returns why DVC refused it, or None.

    Args:
        name: of the experiment.
        settings: its parameters that differ from those of the workspace.
        copy_paths: what the run needs and git does not hold.
    """
    copies = [word for path in copy_paths for word in ("--copy-paths", path)]
    done = dvc(*experiment_words(name, settings), "--queue", *copies, check=False)
    return None if done.returncode == 0 else error_line(done.stderr)


def remove(names: list[str]) -> list[str]:
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
            dvc("queue", "remove", name, check=False)
    finished = set(experiment_names())
    old = [name for name in names if name in finished]
    if old:
        dvc("exp", "remove", *old)
    return old


def _queue() -> tuple[dict[str, list[str]], int]:
    """The states of all tasks by experiment name, and the number of workers."""
    states: dict[str, list[str]] = {}
    text = dvc("queue", "status").stdout
    for task, name, state in re.findall(r"^([0-9a-f]{7}) +(\S+) .* (\w+) *$", text, re.M):
        states.setdefault(name or task, []).append(state)
    active, idle = re.search(r"(\d+) active, (\d+) idle", text).groups()
    return states, int(active) + int(idle)


def _start_worker() -> None:
    """Lets one worker run the queue in the background, unless there is one."""
    words = ("queue", "start", "--jobs", "1")
    # A file, not a pipe: the worker inherits it, and a pipe would be read until the worker ends.
    with tempfile.TemporaryFile("w+") as output:
        done = subprocess.run(dvc_command(*words), env=environment(), stdout=output, stderr=output)
        output.seek(0)
        if done.returncode:
            raise StageError(
                f"Expected `dvc {' '.join(words)}` to start a worker. Received: "
                f"{output.read().strip()}"
            )


def run_queue(names: list[str]) -> dict[str, float]:
    """Starts the queue and waits until these experiments are done, saying how far it is.

    One worker: a second one would compute stages that both need twice, and TensorFlow uses all
    cores anyway. Where the worker dies, its experiment counts as failed and a new one goes on.

    Returns:
        Wall time of each in seconds, to within twice POLL_SECONDS: DVC itself keeps none.
    """
    if names:
        _start_worker()
    before, polls_alone, seconds, begun = {}, 0, {}, {}
    last_end = time.monotonic()
    while True:
        states, workers = _queue()
        now = {name: states.get(name, ["Removed"])[-1] for name in names}
        done = sum(state not in WAITING for state in now.values())
        for name, state in now.items():
            if state not in (before.get(name), "Queued"):
                print(f"[{done}/{len(names)} done] {name}: {state.lower()}", flush=True)
            if state == "Running":
                begun.setdefault(name, time.monotonic())
        ended = [name for name in names if now[name] not in WAITING and name not in seconds]
        seconds |= {name: time.monotonic() - begun.get(name, last_end) for name in ended}
        if ended:
            last_end = time.monotonic()
        if done == len(names):
            return seconds
        before, polls_alone = now, 0 if workers else polls_alone + 1
        if polls_alone == PATIENCE:
            for name in [name for name, state in now.items() if state == "Running"]:
                dvc("queue", "kill", name, check=False)
            _start_worker()
            polls_alone = 0
        time.sleep(POLL_SECONDS)


def outcomes(names: list[str]) -> dict[str, Outcome]:
    """The outcomes of those experiments of the last commit that DVC knows, by name."""
    files = metrics_files()
    table = json.loads(dvc("exp", "show", "--json").stdout)
    entries = [entry for baseline in table for entry in baseline.get("experiments") or []]
    return {entry["name"]: _outcome(entry, files) for entry in entries if entry["name"] in names}


def _outcome(entry: dict, files: dict[str, str]) -> Outcome:
    """The outcome in an entry of `dvc exp show --json`."""
    data = entry["revs"][0]["data"] or {}
    executor = entry["executor"] or {"state": "success", "local": None}
    log = (executor["local"] or {}).get("log")
    params = data.get("params", {}).get("params.yaml", {}).get("data", {})
    metrics = {
        stage: data.get("metrics", {}).get(file, {}).get("data", {})
        for stage, file in files.items()
    }
    scores = metrics["evaluate"]
    if params.get("ensemble", {}).get("members"):
        scores = metrics["ensemble"].get("greedy", {})
    return Outcome(executor["state"], scores.get("test", {}), Path(log) if log else None)


def failure(log: Path | None) -> str:
    """The first line of what made a queued run fail."""
    if log is None or not log.exists():
        return "DVC could not set the run up, or it was killed; it left no log"
    return error_line(log.read_text(encoding="utf-8", errors="replace"))


def error_line(text: str) -> str:
    """The first line that a stage or DVC calls an error, else the last line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith("error: ")]
    # An exception that is a bug of ours shows in the traceback's last line, before DVC's.
    if "Traceback (most recent call last):" in lines and errors:
        errors = [lines[max(0, lines.index(errors[0]) - 1)]]
    return (errors or lines[-1:] or ["no output"])[0].removeprefix("error: ")
