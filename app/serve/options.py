"""Command line of app.serve: flags, their help, and the limits that they set."""

import argparse
from pathlib import Path

from app.precision import PRECISIONS
from app.serve.settings import Limits
from common.errors import StageError


def parse(argv: list[str] | None, description: str) -> argparse.Namespace:
    """Parses the flags.

    Args:
        argv: arguments without the program's name; None takes the process's own.
        description: shown by --help.
    """
    limits = Limits()
    parser = argparse.ArgumentParser(
        prog="python -m app.serve",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )

    def add(flag: str, text: str, default, **keywords) -> None:
        """A flag whose help says what it does, then its default."""
        default_text = "none" if default == [] else default
        parser.add_argument(
            flag, default=default, help=f"{text} (default: {default_text})", **keywords
        )

    number = {"type": int, "metavar": "N"}
    folder = {"type": Path, "metavar": "FOLDER"}
    add("--model", "folder of the trained model", Path("models"), **folder)
    add("--host", "address to listen on; 127.0.0.1 is reached from this machine only", "127.0.0.1")
    add("--port", "port to listen on; 0 takes any free one", 8000, **number)
    add(
        "--allowed-host",
        "host name that requests may carry besides localhost; * allows any; may be repeated",
        [],
        action="append",
        metavar="NAME",
    )
    add("--max-body-mb", "largest request", limits.body_bytes / 1e6, type=float, metavar="MB")
    add("--max-pixels", "largest width x height of an image", limits.pixels, **number)
    add(
        "--max-in-flight",
        "most images in work at a time; further requests get status 503",
        limits.in_flight,
        **number,
    )
    add("--precision", "precision of the backbone's convolutions", "float32", choices=PRECISIONS)
    add("--batch-size", "most images predicted together", 8, **number)
    add(
        "--metrics",
        "test metrics that the page shows",
        Path("metrics/evaluate.json"),
        type=Path,
        metavar="FILE",
    )
    add(
        "--dataset",
        "dataset from whose test split the page shows examples",
        Path("data/dataset"),
        **folder,
    )
    return parser.parse_args(argv)


def limits_of(options: argparse.Namespace) -> Limits:
    """The limits that the command line sets.

    Raises:
        StageError: one of them is not positive.
    """
    for name in ("max_body_mb", "max_pixels", "max_in_flight", "batch_size"):
        if not getattr(options, name) > 0:
            flag = "--" + name.replace("_", "-")
            raise StageError(f"Expected {flag} to be above 0. Received: {getattr(options, name)}.")
    default = Limits()
    body = round(options.max_body_mb * 1e6)
    return Limits(
        body_bytes=body,
        body_memory=max(default.body_memory, 4 * body),
        pixels=options.max_pixels,
        in_flight=options.max_in_flight,
        images=min(default.images, options.max_in_flight),
    )
