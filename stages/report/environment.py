"""Environment of the results: packages, machine, threads, dvc.lock and git revision."""

import hashlib
import json
import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path

from ruamel.yaml import YAML

from stages.report.numbers import listed

PACKAGES = ("tensorflow", "keras", "numpy", "dvc", "pandas", "scikit-learn", "pillow")
# DVC's own file in the top folder. It cannot be a dependency: DVC writes into it after each stage.
LOCK = Path("dvc.lock")
OWN_STAGE = "report"


def versions() -> dict[str, str]:
    """Python and the packages that decide the results, by name."""
    installed = {"Python": platform.python_version()}
    for name in PACKAGES:
        try:
            installed[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            installed[name] = "not installed"
    return installed


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
    stages = dict(content.get("stages") or {})
    stages.pop(OWN_STAGE, None)
    text = json.dumps(stages, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def git(*words: str) -> str | None:
    """The output of a git command; None without git or without a repository."""
    try:
        process = subprocess.run(
            ["git", *words], capture_output=True, text=True, timeout=60, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return process.stdout


def revision(results: tuple[str, ...] = ()) -> dict[str, str]:
    """The commit of the tree, and which of its files are not as committed.

    Args:
        results: paths that the pipeline itself writes, which say nothing about the code.
    """
    commit = git("rev-parse", "HEAD")
    if commit is None:
        return {"Git revision": "no git repository"}
    status = git("status", "--porcelain", "--untracked-files=normal", "-z") or ""
    paths = [line[3:] for line in status.split("\0")]  # after two letters and a space
    changed = sorted(path for path in paths if path and not path.startswith(results))
    return {
        "Git revision": commit.strip(),
        "Changed since, results apart": listed(changed) or "nothing",
    }


def facts(threads: int) -> dict[str, str]:
    """Name and value of all that decides the bytes of the results, the revision apart.

    Args:
        threads: of TensorFlow.
    """
    return (
        versions()
        | machine()
        | {"Threads of TensorFlow": str(threads)}
        | {"sha256 of dvc.lock, the report's entry apart": lock_hash() or "no such file"}
    )
