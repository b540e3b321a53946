"""Times of things that are compared: by turns, in one process, as medians."""

import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

FLAGS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16")  # those that decide how fast networks are


class Row(NamedTuple):
    """A line of the table.

    Attributes:
        what: was measured.
        against: what it is compared with.
        ours: seconds, or what `unit` says.
        theirs: the same of the other.
        unit: of both.
        ratio: how many times better ours is.
        target: that the ratio has to reach; None where there is none.
    """

    what: str
    against: str
    ours: float
    theirs: float
    unit: str
    ratio: float
    target: float | None


def by_turns(jobs: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Median seconds of each job; they take turns, after one round that does not count."""
    seconds: dict[str, list[float]] = {name: [] for name in jobs}
    for number in range(rounds + 1):
        for name, job in jobs.items():
            start = time.perf_counter()
            job()
            if number:
                seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in seconds.items()}


def seconds(job: Callable[[], object]) -> float:
    """Seconds of one call."""
    start = time.perf_counter()
    job()
    return time.perf_counter() - start


def processor() -> str:
    """The processor's name, its cores and those of FLAGS that it has."""
    name, flags, cores = platform.processor() or platform.machine(), [], 0
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = [line.partition(":") for line in info.read_text(encoding="utf-8").splitlines()]
        for key, _, value in lines:
            if key.strip() == "model name":
                name, cores = value.strip(), cores + 1
            if key.strip() == "flags":
                flags = [flag for flag in FLAGS if flag in value.split()]
    return f"{name}, {cores} cores, {' '.join(flags) or 'no known vector instructions'}"
