"""Serves the trained model over HTTP: a page for people, /v1/predict for programs.

python -m app.serve
curl --data-binary @a.jpg http://127.0.0.1:8000/v1/predict
"""

import argparse
from pathlib import Path

import uvicorn

from stages.common import cli


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", type=Path, default=Path("models"))
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--metrics", type=Path, default=Path("metrics/evaluate.json"))
    parser.add_argument("--dataset", type=Path, default=Path("data/dataset"))
    options = parser.parse_args(argv)
    from app.server.application import create_app
    from app.server.settings import Settings

    settings = Settings(model=options.model, metrics=options.metrics, dataset=options.dataset)
    uvicorn.run(
        create_app(settings),
        host=options.host,
        port=options.port,
        server_header=False,
        ws="none",
        access_log=False,
        log_level="warning",
    )


if __name__ == "__main__":
    cli.run(main)
