"""Command line of app.predict: flags, their help, and checks before the model is opened."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from app.precision import PRECISIONS
from app.predict.inputs import STDIN, Tree, absolute_path, is_image
from app.predict.sorting import refuse_overlap
from app.predict.writers import writing
from common.errors import StageError


def parse(argv: list[str] | None, description: str) -> argparse.Namespace:
    """Parses the command line.

    Args:
        argv: arguments without the program's name; None takes the process's own.
        description: shown by --help.
    """
    parser = argparse.ArgumentParser(
        prog="python -m app.predict",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    folder = {"type": Path, "metavar": "DIR"}
    add(
        "inputs",
        nargs="+",
        metavar="FILE|FOLDER|GLOB",
        help="images; - alone reads one from the standard input",
    )
    add(
        "--model",
        default=Path("models"),
        help="folder of the trained model (default: models)",
        **folder,
    )
    add(
        "--json",
        action="store_true",
        help="write JSON Lines on stdout, one object per line: path, decision (null if unsure), "
        "likeliest, confidence, abstained, probabilities; or path, error {reason, detail}",
    )
    add(
        "--csv",
        type=Path,
        metavar="FILE",
        help="write a table of the answers: path, decision, likeliest, confidence, abstained, "
        "p_<class> of each class; written whole or not at all",
    )
    add(
        "--heatmaps",
        help="write a JPEG for each image, beside or above itself with its heat map over it; in "
        "the same folders as the images",
        **folder,
    )
    add(
        "--sort-into",
        help="copy the images into DIR/<decision>/, or DIR/unsure/; never over another file: a "
        "copy whose name is taken gets the image's checksum, and equal copies are skipped",
        **folder,
    )
    add(
        "--precision",
        choices=PRECISIONS,
        default=PRECISIONS[0],
        help="bfloat16 is faster with large models on processors made for it (default: float32)",
    )
    add("--batch-size", type=int, default=32, metavar="N", help="images per step (default: 32)")
    options = parser.parse_args(argv)
    if options.batch_size < 1:
        parser.error(f"Expected --batch-size to be at least 1. Received: {options.batch_size}")
    if STDIN in options.inputs and (len(options.inputs) > 1 or options.sort_into):
        parser.error(f"Expected {STDIN} alone and without --sort-into: it has no file to copy")
    return options


def check(options: argparse.Namespace, inputs: Sequence[str | Tree]) -> None:
    """Finds what would fail later, before seconds are spent on opening the model.

    Args:
        options: from `parse`.
        inputs: from `inputs.parse_inputs`.

    Raises:
        StageError: no model, or outputs that cannot be written or would be read.
    """
    if not options.model.is_dir():
        raise StageError(
            f"Expected a trained model in {options.model}. Received: no such folder. `make repro` "
            "trains one; --model names another place."
        )
    if options.heatmaps:
        refuse_overlap("--heatmaps", options.heatmaps, inputs)
    if options.sort_into:  # Sorter checks globs, because it knows the folders of the classes
        folders = [tree for tree in inputs if isinstance(tree, Tree) and not tree.pattern]
        refuse_overlap("--sort-into", options.sort_into, folders, around=False)
    for folder in filter(None, (options.heatmaps, options.sort_into)):
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
    if options.csv:
        _check_csv(options.csv, [path for path in inputs if isinstance(path, str)])


def _check_csv(csv: Path, files: list[str]) -> None:
    if csv.exists() and not csv.is_file():
        raise StageError(f"Expected a file for --csv. Received: {csv}, which is none.")
    if absolute_path(str(csv)) in map(absolute_path, files):
        raise StageError(f"Expected --csv to write a file of its own. Received: input {csv}.")
    if csv.is_file() and is_image(csv):
        raise StageError(
            f"Expected --csv to name a table to write. Received: {csv}, which is an image. "
            "Name another file."
        )
