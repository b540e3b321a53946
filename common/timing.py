"""Log of a stage's time and largest memory, beside the results."""

import contextlib
import datetime
import json
import os
import resource
import sys
import time
from pathlib import Path

from common.files import atomic_file, sha256_of

# The one path that does not stand in dvc.yaml: DVC must not know it. Times differ at every run,
# and outputs have to repeat byte for byte. Nothing depends on it; the report shows what is there.
LOGS = Path("logs")
IMPORTED = time.monotonic()
KILO = 1 if sys.platform == "darwin" else 1024  # bytes in a unit of ru_maxrss


def stage_name() -> str | None:
    """The stage that this process was started for, by `python -m stages.NAME`; else None."""
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    package, _, name = (spec.name if spec else "").partition(".")
    name = name.removesuffix(".__main__")
    return name if package == "stages" and name.isidentifier() else None


def metrics_file(argv: list[str]) -> Path | None:
    """The file that the command line names with --metrics, or None."""
    with contextlib.suppress(ValueError, IndexError):
        return Path(argv[argv.index("--metrics") + 1])
    return None


def seconds_of_process() -> float:
    """Age of this process; where there is no /proc, since this module was imported."""
    try:
        fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
        ticks = int(fields[19])  # since the machine was started; field 22 of proc(5)
        return time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, AttributeError):
        return time.monotonic() - IMPORTED


def peak_bytes() -> int:
    """Largest resident set of this process until now.

    From /proc where there is one: Linux keeps the maximum of getrusage over exec, so that it would
    count the memory of the process that started this one.
    """
    with contextlib.suppress(OSError, IndexError, ValueError):
        status = Path("/proc/self/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KILO


def measure(stage: str, metrics: Path | None) -> dict:
    """Time and memory of this process from its start until now, imports included, as for JSON.

    Returns:
        stage; finished (ISO 8601, UTC); wall_seconds; cpu_seconds (user and system, all threads
        and finished child processes); peak_bytes (largest resident set of this process, or of its
        largest finished child); metrics_sha256 (of the stage's metrics file, so that a reader can
        tell whether the results of today are those of this run), None without one.
    """
    process = resource.getrusage(resource.RUSAGE_SELF)
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "stage": stage,
        "finished": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "wall_seconds": round(seconds_of_process(), 2),
        "cpu_seconds": round(sum(use.ru_utime + use.ru_stime for use in (process, children)), 2),
        "peak_bytes": max(peak_bytes(), children.ru_maxrss * KILO),
        "metrics_sha256": sha256_of(metrics) if metrics and metrics.is_file() else None,
    }


def write_log() -> None:
    """Writes the log of the stage of this process; does nothing in any other process.

    A stage that did its work never fails for its log: a full disk or a missing permission is
    passed over.
    """
    stage = stage_name()
    if stage is None:
        return
    with contextlib.suppress(OSError):
        content = measure(stage, metrics_file(sys.argv))
        with atomic_file(LOGS / f"{stage}.json") as temporary:
            temporary.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
