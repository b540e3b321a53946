"""Serves the trained model over HTTP: a page for people, /v1/predict for programs.

python -m app.serve
curl --data-binary @a.jpg http://127.0.0.1:8000/v1/predict
"""

import contextlib

from app.serve.options import limits_of, parse
from app.serve.server import Server, allowed_hosts, listen, start_log, url_of
from app.serve.settings import Settings
from common import cli


def main(argv: list[str] | None = None) -> None:
    """Serves until SIGTERM or Ctrl+C."""
    options = parse(argv, __doc__)
    settings = Settings(
        model=options.model,
        allowed_hosts=allowed_hosts(options.host, options.allowed_host),
        precision=options.precision,
        batch_size=options.batch_size,
        metrics=options.metrics,
        dataset=options.dataset,
        limits=limits_of(options),
    )
    start_log()
    with listen(options.host, options.port) as listener:
        # Imported here: wrong flags and a port in use are reported before TensorFlow is loaded.
        from app.serve.application import create_app

        announcement = f"serve: {options.model} on {url_of(listener)} (Ctrl+C ends it)"
        server = Server(create_app(settings), settings.limits, announcement)
        with contextlib.suppress(KeyboardInterrupt):  # which uvicorn raises again after its end
            server.run([listener])


if __name__ == "__main__":
    cli.run(main)
