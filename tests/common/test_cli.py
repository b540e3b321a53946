import subprocess
import sys
import threading

import pytest

from common import cli
from common.errors import StageError
from tests.helpers.pipeline import ROOT


def test_an_error_meant_for_people_has_no_traceback_and_fails(capsys):
    def main():
        raise StageError("Expected x. Received: y.")

    with pytest.raises(SystemExit) as caught:
        cli.run(main)
    assert caught.value.code == 1
    assert capsys.readouterr().err == "error: Expected x. Received: y.\n"


def test_other_errors_are_not_hidden():
    with pytest.raises(ZeroDivisionError):
        cli.run(lambda: 1 / 0)


def test_every_path_flag_is_required():
    args = cli.parse_paths("Does a thing.\n\nMore.", ["--raw", "a", "--out", "b"], "raw", "out")
    assert (str(args.raw), str(args.out), str(args.params)) == ("a", "b", "params.yaml")
    with pytest.raises(SystemExit):
        cli.parse_paths("Does a thing.", ["--raw", "a"], "raw", "out")


def test_parallel_map_keeps_the_order_and_reads_ahead_only_a_little():
    taken = []

    def numbers():
        for number in range(10_000):
            taken.append(number)
            yield number

    results = cli.parallel_map(lambda number: number * 2, numbers())
    assert [next(results) for _ in range(5)] == [0, 2, 4, 6, 8]
    assert len(taken) < 2000
    results.close()


def test_parallel_map_raises_what_an_item_raises():
    def fail(number):
        if number == 7:
            raise StageError(f"item {number}")
        return number

    results = cli.parallel_map(fail, range(100))
    with pytest.raises(StageError, match="item 7"):
        list(results)
    assert threading.active_count() < 50


def test_the_help_of_a_stage_names_its_command():
    command = [sys.executable, "-m", "stages.ensemble", "--help"]
    help_text = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert help_text.startswith("usage: python -m stages.ensemble [-h] --predictions PATH")


def test_parallel_map_ends_at_ctrl_c_wherever_it_comes():
    """Interrupted at each step of its own code and the library's, in a process that might hang."""
    words = """
import sys
from common.cli import parallel_map
def interrupt_at(step):
    steps = iter(range(step))
    def trace(frame, event, _):
        if next(steps, None) is None:
            raise KeyboardInterrupt
        return trace
    return trace
interrupted = 0
for step in range(1, 400):
    results = parallel_map(abs, range(30))
    sys.settrace(interrupt_at(step))
    try:
        for number in results:
            pass
    except KeyboardInterrupt:
        interrupted += 1
    finally:
        sys.settrace(None)
    results.close()
print(interrupted)
"""
    done = subprocess.run(
        [sys.executable, "-c", words], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 300
