"""Asks the trained model about files, folders and globs.

Folders are walked with all folders below them, in the order of their paths. Links to folders are
not followed. Hidden files and what systems leave behind (Thumbs.db, .DS_Store) are skipped. What is
an image is judged by content, never by name. A file in a folder that is no image is passed over
if it is not called like one either (README.txt), and an error if it is (a broken .jpg). A file that
is named itself is an error whenever it cannot be answered. Each file is answered once.
Globs in quotes are expanded, ** too: 'photos/**/*.png'.

Without options a table is printed as answers come; where none is decided it says (unsure). Of
--csv, --heatmaps and --sort-into any may be given together; they are instead of the table.
What cannot be answered is listed at the end, on stderr, and the last line counts everything.
Exit status: 0 all answered; 1 something could not be answered or written; 2 wrong usage.
"""

import argparse
import contextlib
import itertools
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from app.predict.heatmaps import HeatFiles, shared_folder
from app.predict.inputs import (
    STDIN,
    Bad,
    Found,
    PassedOver,
    Tree,
    arguments,
    find,
    is_image,
    place_of,
)
from app.predict.sorting import Sorter, refuse_overlap
from app.predict.stream import Answers, Report, answers, read_stdin
from app.predict.writers import CsvRows, JsonLines, Table, on_stdout, opened_csv, writing
from common import cli
from common.errors import StageError
from common.images import ImageError

if TYPE_CHECKING:  # importing it takes seconds, which --help and mistakes need not wait for
    from app.predictor import Prediction

PRECISIONS = ("float32", "bfloat16")  # predictor.PRECISIONS
INTERRUPTED, NO_READER = 130, 141  # what shells report for SIGINT and SIGPIPE


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m app.predict",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add(
        "inputs",
        nargs="+",
        metavar="FILE|FOLDER|GLOB",
        help="pictures; - alone takes one from the standard input",
    )
    add(
        "--model",
        type=Path,
        default=Path("models"),
        metavar="DIR",
        help="folder of the trained model (models)",
    )
    add(
        "--json",
        action="store_true",
        help="JSON Lines on stdout, an object to a line: path, decision (null if unsure), "
        "likeliest, confidence, abstained, probabilities; or path, error {reason, detail}",
    )
    add(
        "--csv",
        type=Path,
        metavar="FILE",
        help="a table of the answers: path, decision, likeliest, confidence, abstained, "
        "p_<class> of each class; written whole or not at all",
    )
    add(
        "--heatmaps",
        type=Path,
        metavar="DIR",
        help="a JPEG for each picture, beside or above itself with its heat map over it; folders "
        "as where the pictures are",
    )
    add(
        "--sort-into",
        type=Path,
        metavar="DIR",
        help="copies of the pictures in DIR/<decision>/, or DIR/unsure/; never over another file: "
        "a name that is taken gets the picture's checksum, and what is there already is skipped",
    )
    add(
        "--precision",
        choices=PRECISIONS,
        default=PRECISIONS[0],
        help="bfloat16 is faster with large models on processors made for it (float32)",
    )
    add("--batch-size", type=int, default=32, metavar="N", help="pictures per step (32)")
    args = parser.parse_args(argv)
    if args.batch_size < 1:
        parser.error(f"Expected --batch-size to be at least 1. Received: {args.batch_size}")
    if STDIN in args.inputs and (len(args.inputs) > 1 or args.sort_into):
        parser.error(f"Expected {STDIN} alone and without --sort-into: it has no file to copy")
    return args


def check(args: argparse.Namespace, given: list[str | Tree]) -> None:
    """Finds what would fail later, before seconds are spent on the model.

    Raises:
        StageError: no model, or outputs that cannot be written or would be read.
    """
    if not args.model.is_dir():
        raise StageError(
            f"Expected a trained model in {args.model}. Received: no such folder. `make repro` "
            "trains one; --model names another place."
        )
    if args.heatmaps:
        refuse_overlap("--heatmaps", args.heatmaps, given)
    if args.sort_into:  # the rest is for Sorter to see, which knows the folders of the classes
        whole = [each for each in given if isinstance(each, Tree) and not each.pattern]
        refuse_overlap("--sort-into", args.sort_into, whole, around=False)
    for folder in filter(None, (args.heatmaps, args.sort_into)):
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
    if args.csv and args.csv.exists() and not args.csv.is_file():
        raise StageError(f"Expected a file for --csv. Received: {args.csv}, which is none.")
    if args.csv and place_of(str(args.csv)) in [place_of(x) for x in given if isinstance(x, str)]:
        raise StageError(f"Expected --csv to write a file of its own. Received: input {args.csv}.")
    if args.csv and args.csv.is_file() and is_image(args.csv):
        raise StageError(
            f"Expected --csv to name a table to write. Received: {args.csv}, which is a picture. "
            "Name another file."
        )


def attempt(
    take: Callable[[Found, "Prediction"], None], pair: tuple[Found | Bad, "Prediction | None"]
) -> tuple[Found | Bad, "Prediction | None"]:
    """Does something that reads the image again; a Bad where it is gone meanwhile."""
    item, answer = pair
    if answer is not None:
        try:
            take(item, answer)
        except (OSError, ImageError) as error:
            return Bad.of(item.name, error), None
    return pair


def answer_all(args: argparse.Namespace) -> int:
    """Answers everything that the arguments name; returns the exit status.

    Raises:
        StageError: no usable model, or something cannot be written.
    """
    given = arguments(args.inputs)
    check(args, given)
    report = Report()
    found = report.without_passed_over(read_stdin() if args.inputs == [STDIN] else find(given))
    shared = sys.stdout.isatty() and sys.stderr.isatty()  # by the table and the progress bar
    tell = on_stdout(partial(tqdm.write, file=sys.stdout) if shared else print)
    lines = JsonLines(tell) if args.json else None
    takers, told = [lines.take] if lines else [], []
    sorter = None
    with contextlib.ExitStack() as stack:
        first = up_to_image(found)
        results: Answers = ((bad, None) for bad in first)
        if first and isinstance(first[-1], Found):
            table = stack.enter_context(opened_csv(args.csv)) if args.csv else None
            from app.predictor import Predictor

            predictor = Predictor(args.model, args.precision, args.batch_size)
            stream = partial(predictor.stream, heat_maps=args.heatmaps is not None)
            results = answers(itertools.chain(first, found), stream)
            if args.heatmaps:
                drawer = HeatFiles(args.heatmaps, shared_folder(given), predictor)
                results = cli.parallel_map(partial(attempt, drawer.take), results)
                told.append(f"heat maps in {args.heatmaps}")
            if args.sort_into:
                sorter = Sorter(args.sort_into, predictor.class_names, given)
                results = map(partial(attempt, sorter.take), results)
            if table:
                takers.append(CsvRows(args.csv, table, predictor.class_names).take)
                told.append(f"table in {args.csv}")
            if not (takers or args.heatmaps or args.sort_into):
                width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
                takers.append(Table(predictor.class_names, width, tell).take)
        with cli.progress(results, "answering", unit="image") as bar:
            if sys.stderr.isatty():
                threading.Thread(target=_count, args=(bar, args.inputs), daemon=True).start()
            for item, answer in bar:
                if answer is None:
                    report.add_bad(item)
                    if lines:
                        lines.bad(item)
                    continue
                report.decided[answer.decision] += 1
                for take in takers:
                    take(item, answer)
    if sorter:
        there = f", {sorter.present:,} there already" if sorter.present else ""
        told.append(f"{sorter.copied:,} copied into {args.sort_into}{there}")
    return report.close(told)


def up_to_image(found: Iterator[Found | Bad]) -> list[Found | Bad]:
    """Takes what comes until the first image, which is the last of the list, if there is one."""
    first: list[Found | Bad] = []
    while not (first and isinstance(first[-1], Found)):
        if (item := next(found, None)) is None:
            break
        first.append(item)
    return first


def _count(bar: tqdm, words: list[str]) -> None:
    """Finds out how many there will be, beside the work: that takes a while in large folders."""
    if words != [STDIN]:
        bar.total = sum(not isinstance(item, PassedOver) for item in find(arguments(words)))


def main(argv: list[str] | None = None) -> int:
    """Runs the program; returns its exit status."""
    args = parse(argv)
    try:
        return answer_all(args)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # as after `| head`
        return NO_READER


if __name__ == "__main__":
    cli.run(lambda: sys.exit(main()))
