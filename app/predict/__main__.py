"""Asks the trained model about files, folders and globs.

Folders are searched with all their subfolders, in the order of the paths. Links to folders are not
followed. Hidden files and what systems leave behind (Thumbs.db, .DS_Store) are skipped. Whether a
file is an image depends on its content, never on its name. A file in a folder that is not an image
is passed over if it is not named like one either (README.txt), and is an error if it is (a broken
.jpg). A file that is named itself is an error whenever it cannot be answered. Each file is answered
once. Globs in quotes are expanded, ** too: 'photos/**/*.png'.

Without options a table is printed as answers come; it says (unsure) where the model abstains. Any
of --csv, --heatmaps and --sort-into may be combined; they replace the table.
What cannot be answered is listed at the end, on stderr, and the last line counts everything.
Exit status: 0 all answered; 1 something could not be answered or written; 2 wrong usage.
"""

import argparse
import contextlib
import sys
import threading
from collections.abc import Iterator
from functools import partial
from itertools import chain

from tqdm import tqdm

from app.predict.inputs import STDIN, ImageInput, Skipped, find_images, parse_inputs
from app.predict.options import check, parse
from app.predict.outputs import Outputs
from app.predict.stream import Result, predictions, read_stdin, up_to_first_image
from app.predict.summary import Summary
from app.predict.writers import opened_csv
from common import cli

INTERRUPTED, NO_READER = 130, 141  # what shells report for SIGINT and SIGPIPE


def main(argv: list[str] | None = None) -> int:
    """Runs the program; returns its exit status."""
    options = parse(argv, __doc__)
    try:
        return predict_all(options)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # as after `| head`
        return NO_READER


def predict_all(options: argparse.Namespace) -> int:
    """Predicts everything that the arguments name; returns the exit status.

    Raises:
        StageError: no usable model, or something cannot be written.
    """
    inputs = parse_inputs(options.inputs)
    check(options, inputs)
    summary = Summary()
    outputs = Outputs(options, inputs)
    from_stdin = options.inputs == [STDIN]
    items = summary.without_skipped(read_stdin() if from_stdin else find_images(inputs))
    with contextlib.ExitStack() as stack:
        first = up_to_first_image(items)
        results: Iterator[Result] = ((item, None) for item in first)
        if first and isinstance(first[-1], ImageInput):
            table = stack.enter_context(opened_csv(options.csv)) if options.csv else None
            from app.predictor import Predictor  # takes seconds, which mistakes need not wait for

            predictor = Predictor(options.model, options.precision, options.batch_size)
            stream = partial(predictor.stream, heat_maps=options.heatmaps is not None)
            results = outputs.attach(predictions(chain(first, items), stream), predictor, table)
        with cli.progress(results, "answering", unit="image") as bar:
            if sys.stderr.isatty() and not from_stdin:
                threading.Thread(target=_count, args=(bar, options.inputs), daemon=True).start()
            for item, prediction in bar:
                if prediction is None:
                    summary.add_unusable(item)
                    outputs.write_unusable(item)
                else:
                    summary.decided[prediction.decision] += 1
                    outputs.write(item, prediction)
    return summary.close(outputs.in_words())


def _count(bar: tqdm, words: list[str]) -> None:
    """Sets the bar's total, beside the work: counting large folders takes a while."""
    bar.total = sum(not isinstance(item, Skipped) for item in find_images(parse_inputs(words)))


if __name__ == "__main__":
    cli.run(lambda: sys.exit(main()))
