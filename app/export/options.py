"""Command line of app.export: flags, their help, and the formats that they ask for."""

import argparse
from pathlib import Path

from app.export.comparison import INT8_BOUND
from app.export.formats import FORMATS
from common.errors import StageError

IMAGES = 200  # images on which a float format is compared


def parse(argv: list[str] | None, description: str) -> argparse.Namespace:
    """Parses the flags.

    Args:
        argv: arguments without the program's name; None takes the process's own.
        description: shown by --help.
    """
    parser = argparse.ArgumentParser(
        prog="python -m app.export",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    folder = {"type": Path, "metavar": "PATH"}
    choices = [name for name, form in FORMATS.items() if not form.quantised]
    add("--format", nargs="+", required=True, choices=choices, help="formats to write")
    add(
        "--quantise",
        choices=["int8"],
        help="quantise tflite: a quarter of the size, less exact (default: no)",
    )
    add("--model", default=Path("models"), help="folder of the model (default: models)", **folder)
    add("--out", default=Path("exports"), help="folder to write to (default: exports)", **folder)
    images = parser.add_mutually_exclusive_group()
    images.add_argument(
        "--dataset",
        default=Path("data/dataset"),
        help="compare on the test images of this dataset (default: data/dataset)",
        **folder,
    )
    images.add_argument(
        "--check-folder",
        help="compare on the images in this folder instead, which need no labels",
        **folder,
    )
    add(
        "--images",
        "--pictures",  # its name in the first release
        type=int,
        metavar="N",
        help=f"number of images to compare on (default: {IMAGES}; all for int8, whose accuracy is "
        "measured)",
    )
    add(
        "--bound",
        type=float,
        default=INT8_BOUND,
        help="largest accepted loss of a quantised model: mean over images of the largest "
        f"difference in each (default: {INT8_BOUND})",
    )
    return parser.parse_args(argv)


def requested_formats(options: argparse.Namespace) -> list[str]:
    """Keys of FORMATS, each once.

    Raises:
        StageError: flags that exclude each other.
    """
    if options.images is not None and options.images < 1:
        raise StageError(f"Expected --images of at least 1. Received: {options.images}.")
    if not options.quantise:
        return list(dict.fromkeys(options.format))
    if "tflite" not in options.format:
        raise StageError(
            "Expected --format tflite with --quantise int8. Received: --format "
            f"{' '.join(options.format)}. Only tflite is quantised."
        )
    if options.check_folder:
        raise StageError(
            "Expected --dataset with --quantise int8: the ranges are measured on train, the loss "
            f"of accuracy on test. Received: --check-folder {options.check_folder}."
        )
    return [f"{name}_int8" if name == "tflite" else name for name in dict.fromkeys(options.format)]
