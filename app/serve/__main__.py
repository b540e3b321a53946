"""Serves the trained model over HTTP: a page for people, /v1/predict for programs.

python -m app.serve
curl --data-binary @a.jpg http://127.0.0.1:8000/v1/predict
"""

import argparse
import contextlib
from pathlib import Path

from app.serve import running
from app.serve.settings import Limits, Settings
from common import cli
from common.errors import StageError


def main(argv: list[str] | None = None) -> None:
    """Serves until SIGTERM or Ctrl+C."""
    options = parse(argv)
    limits = limits_of(options)
    settings = Settings(
        model=options.model,
        allowed_hosts=running.hosts_to_answer(options.host, options.allowed_host),
        precision=options.precision,
        batch_size=options.batch_size,
        metrics=options.metrics,
        dataset=options.dataset,
        limits=limits,
    )
    running.start_log()
    with running.listen(options.host, options.port) as listener:
        # Here, so that wrong flags and a taken port are told before TensorFlow is loaded.
        from app.serve.application import create_app

        url = running.url_of(listener)
        announce = f"serve: {options.model} on {url} (Ctrl+C ends it)"
        server = running.Server(create_app(settings), limits, announce)
        with contextlib.suppress(KeyboardInterrupt):  # which uvicorn hands on after its end
            server.run([listener])


def parse(argv: list[str] | None) -> argparse.Namespace:
    """The command line's flags."""
    usual = Limits()
    parser = argparse.ArgumentParser(
        prog="python -m app.serve",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--model", type=Path, default=Path("models"), metavar="FOLDER", help="models")
    add("--host", default="127.0.0.1", help="address to listen on; 127.0.0.1: this machine only")
    add("--port", type=int, default=8000, help="8000; 0: any free one")
    add(
        "--allowed-host", action="append", default=[], metavar="NAME",
        help="a name by which the server may be called besides localhost; * for any; repeatable",
    )  # fmt: skip
    add("--max-body-mb", type=float, default=usual.body_bytes / 1e6, help="of a request; 10")
    add("--max-pixels", type=int, default=usual.pixels, help="of a picture; 50000000")
    add("--max-in-flight", type=int, default=usual.in_flight, help="pictures; 64; 503 beyond")
    add("--precision", choices=("float32", "bfloat16"), default="float32", help="float32")
    add("--batch-size", type=int, default=8, help="pictures looked at together, at most; 8")
    add(
        "--metrics", type=Path, default=Path("metrics/evaluate.json"), metavar="FILE",
        help="results to show; metrics/evaluate.json",
    )  # fmt: skip
    add(
        "--dataset", type=Path, default=Path("data/dataset"), metavar="FOLDER",
        help="examples come from its test split; data/dataset",
    )  # fmt: skip
    return parser.parse_args(argv)


def limits_of(options: argparse.Namespace) -> Limits:
    """The limits that the command line sets, checked.

    Raises:
        StageError: one of them is not positive.
    """
    for name in ("max_body_mb", "max_pixels", "max_in_flight", "batch_size"):
        if not getattr(options, name) > 0:
            flag = "--" + name.replace("_", "-")
            raise StageError(f"Expected {flag} to be above 0. Received: {getattr(options, name)}.")
    usual = Limits()
    body = round(options.max_body_mb * 1e6)
    return Limits(
        body_bytes=body,
        body_memory=max(usual.body_memory, 4 * body),
        pixels=options.max_pixels,
        in_flight=options.max_in_flight,
        images=min(usual.images, options.max_in_flight),
    )


if __name__ == "__main__":
    cli.run(main)
