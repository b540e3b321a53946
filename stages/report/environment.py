"""Where and from what the results were made, and how long each stage took."""

import hashlib
import json
import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path

from ruamel.yaml import YAML

from common.files import sha256_of
from common.timing import read_log
from stages.report.captions import CHAPTERS
from stages.report.numbers import Cell, Table, cell

PACKAGES = ("tensorflow", "keras", "numpy", "dvc", "pandas", "scikit-learn", "pillow")
# DVC's own file in the top folder. It cannot be a dependency: DVC writes into it after each stage.
LOCK = Path("dvc.lock")
OWN_STAGE = "report"


def versions() -> dict[str, str]:
    """Python and the packages that decide the results, by name."""
    found = {"Python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def machine() -> dict[str, str]:
    """Operating system, CPU, cores and memory."""
    try:
        memory = f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 1e9:.1f} GB"
    except (ValueError, OSError, AttributeError):
        memory = "unknown"
    return {
        "Operating system": platform.platform(),
        "CPU": cpu_model(),
        "Cores": str(os.cpu_count() or "unknown"),
        "Memory": memory,
    }


def cpu_model() -> str:
    """The CPU's name as the system gives it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
        return names[0] if names else platform.machine()
    except OSError:
        return platform.processor() or platform.machine()


def lock_hash(path: Path = LOCK) -> str | None:
    """The sha256 of dvc.lock as compact JSON with sorted keys, without the report's own entry.

    So equal data, code, parameters and results give equal hashes, whatever the order in which
    stages ran. None where there is no such file.
    """
    if not path.is_file():
        return None
    content = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8")) or {}
    stages = {k: v for k, v in (content.get("stages") or {}).items() if k != OWN_STAGE}
    text = json.dumps(stages, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def git(*words: str) -> str | None:
    """What git prints; None without git or without a repository."""
    try:
        done = subprocess.run(
            ["git", *words], capture_output=True, text=True, timeout=60, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout


def revision(results: tuple[str, ...] = ()) -> dict[str, str]:
    """The commit of the tree, and which of its files are not as committed.

    Args:
        results: paths that the pipeline itself writes, which say nothing about the code.
    """
    commit = git("rev-parse", "HEAD")
    if commit is None:
        return {"Git revision": "no git repository"}
    listed = (git("status", "--porcelain", "--untracked-files=normal", "-z") or "").split("\0")
    changed = sorted(
        line[3:] for line in listed if len(line) > 3 and not line[3:].startswith(results)
    )
    shown = ", ".join(changed[:8]) + (f" and {len(changed) - 8} more" if len(changed) > 8 else "")
    return {
        "Git revision": commit.strip(),
        "Changed since, results apart": shown or "nothing",
    }


def timing_table(metrics: Path, logs: Path) -> tuple[Table, dict[str, float]]:
    """A row for each stage that has a metrics file, and the seconds of those that ran here.

    A stage whose log is of a run with other metrics, or that has none, was restored by DVC.
    """
    stages = [name for name in CHAPTERS if (metrics / f"{name}.json").is_file()]
    others = {path.stem for path in metrics.glob("*.json")} - set(stages)
    rows, seconds = [], {}
    for stage in [*stages, *sorted(others)]:
        log = read_log(stage, logs)
        if log is None:
            rows.append([cell(stage), *[cell(None)] * 3, cell("from DVC's cache: no run here")])
        elif log["metrics_sha256"] != sha256_of(metrics / f"{stage}.json"):
            text = f"from DVC's cache: the run here of {_date(log)} had other results"
            rows.append([cell(stage), *[cell(None)] * 3, cell(text)])
        else:
            seconds[stage] = log["wall_seconds"]
            rows.append(
                [
                    cell(stage),
                    Cell(_seconds(log["wall_seconds"]), log["wall_seconds"]),
                    Cell(_seconds(log["cpu_seconds"]), log["cpu_seconds"]),
                    Cell(f"{log['peak_bytes'] / 1e6:,.0f} MB", log["peak_bytes"]),
                    cell(_date(log)),
                ]
            )
    headers = ["stage", "wall time", "CPU time", "memory at most", "finished (UTC)"]
    total = sum(seconds.values())
    note = f"{_seconds(total)} in all, of {len(seconds)} of {len(rows)} stages." if rows else ""
    return Table("Time and memory of each stage", headers, rows, note), seconds


def _seconds(value: float) -> str:
    return f"{value:.1f} s" if value < 120 else f"{value / 60:.1f} min"


def _date(log: dict) -> str:
    return log["finished"].replace("T", " ").removesuffix("+00:00")
