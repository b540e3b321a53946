"""Command line of the stages: flags, errors, progress bars, messages, and work in threads.

Part of the frame: nothing here decides a byte of what a stage writes.
"""

import _thread
import argparse
import contextlib
import os
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TypeVar

from tqdm import tqdm

from common import timing
from common.errors import StageError

Item = TypeVar("Item")
Result = TypeVar("Result")


def parse_paths(
    doc: str, argv: list[str] | None, *names: str, optional: Iterable[str] = ()
) -> argparse.Namespace:
    """Parses one required `--name PATH` flag per name, and `--params` (default params.yaml).

    Args:
        doc: the stage's docstring, shown by --help.
        argv: arguments without the program's name; None takes the process's own.
        *names: flag names, in the order shown by --help.
        optional: further names, whose flags may be left out and are None then.
    """
    stage = timing.stage_name()
    parser = argparse.ArgumentParser(
        prog=f"python -m stages.{stage}" if stage else None,
        description=doc,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    for name in names:
        parser.add_argument(f"--{name}", type=Path, required=True, metavar="PATH")
    for name in optional:
        parser.add_argument(f"--{name}", type=Path, metavar="PATH")
    parser.add_argument("--params", type=Path, default=Path("params.yaml"), metavar="PATH")
    return parser.parse_args(argv)


def run(main: Callable[[], None]) -> None:
    """Runs a program's `main`; a StageError becomes one message on stderr and exit status 1.

    After a stage, its time and memory are logged (timing.py).
    """
    try:
        main()
        timing.write_log()
    except StageError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)


def progress(
    items: Iterable[Item] | None, description: str, total: int | None = None, unit: str = "image"
) -> tqdm:
    """A progress bar on stderr: in logs an update every ten seconds, none for short loops.

    Args:
        items: yielded one by one; None for a bar that is moved by its `update`.
        description: before the bar.
        total: number of items, where `items` has no length.
        unit: of the speed, in the singular.
    """
    interactive = sys.stderr.isatty()
    return tqdm(
        items,
        desc=description,
        total=total,
        unit=unit,
        mininterval=0.5 if interactive else 10,
        delay=0 if interactive else 5,
        dynamic_ncols=True,
        leave=not interactive,
    )


def summary(stage: str, text: str) -> None:
    """Prints the stage's one closing line on stdout."""
    print(f"{stage}: {text}", flush=True)


def warn(stage: str, text: str) -> None:
    """Prints a line on stderr; the stage goes on."""
    print(f"{stage}: warning: {text}", file=sys.stderr, flush=True)


def parallel_map(
    function: Callable[[Item], Result], items: Iterable[Item], workers: int | None = None
) -> Iterator[Result]:
    """Yields `function(item)` in the order of `items`, computed by several threads.

    Threads, because Pillow, zlib and hashlib release the interpreter lock. At most four items
    per thread are in flight, so that a million files need no more memory than a few dozen.
    The number of threads changes no result.

    Not by `concurrent.futures`: its locks are written in Python, and Ctrl+C between taking and
    giving back one of them leaves it taken, so that the threads, and all who wait for them, wait
    for ever. Those of SimpleQueue and `_thread` are not.

    Args:
        function: called in the threads.
        items: read in the caller's thread.
        workers: number of threads; None: one per core.
    """
    workers = workers or os.cpu_count() or 1
    tasks, ended = SimpleQueue(), SimpleQueue()

    def work() -> None:
        while task := tasks.get():
            item, answer = task
            try:
                answer.put((function(item), None))
            except BaseException as error:  # whatever it is, it is the caller's
                answer.put((None, error))
        ended.put(None)

    def submit(item: Item) -> SimpleQueue:
        answer = SimpleQueue()
        tasks.put((item, answer))
        return answer

    source, started = iter(items), 0
    try:
        for _ in range(workers):
            _thread.start_new_thread(work, ())
            started += 1
        pending = deque(map(submit, islice(source, 4 * workers)))
        while pending:
            result, error = pending.popleft().get()
            if error is not None:
                raise error
            yield result
            pending.extend(map(submit, islice(source, 1)))
    finally:
        with contextlib.suppress(Empty):
            while True:
                tasks.get_nowait()
        for _ in range(started):
            tasks.put(None)
        for _ in range(started):
            ended.get()
