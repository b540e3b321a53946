"""Server process: socket, allowed hosts, log, uvicorn's start and shutdown."""

import ipaddress
import logging
import re
import socket
from collections.abc import Iterable
from types import FrameType

import uvicorn
from fastapi import FastAPI

from app.serve.protocol import guarded
from app.serve.settings import Limits
from common.errors import StageError

LOCAL = frozenset({"localhost", "127.0.0.1", "[::1]"})
CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029]")
GRACE_SECONDS = 40  # for requests in flight at shutdown; more than a request may take


class SafeFormatter(logging.Formatter):
    """Escapes control characters and indents the lines of a record after the first.

    So nothing that a client sent looks like a record of its own or controls the terminal.
    """

    def format(self, record: logging.LogRecord) -> str:
        """As logging.Formatter."""
        text = CONTROL.sub(lambda match: ascii(match[0])[1:-1], super().format(record))
        return text.replace("\n", "\n    ")


def start_log() -> None:
    """Sends the service's and uvicorn's messages to stderr."""
    handler = logging.StreamHandler()
    handler.setFormatter(SafeFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    for name, level in {"app.serve": logging.INFO, "uvicorn.error": logging.WARNING}.items():
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(level)


def allowed_hosts(host: str, extra: Iterable[str]) -> frozenset[str]:
    """The host names that requests may carry.

    Args:
        host: where the server listens. An address is allowed itself: it cannot be rebound.
        extra: further names, or "*".

    Raises:
        StageError: the server listens on all addresses, and `extra` is empty.
    """
    names = LOCAL | {name.lower().rstrip(".") for name in extra}
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return names | {host.lower()}
    if address.is_unspecified and not extra:
        raise StageError(
            f"Expected --allowed-host NAME with --host {host}: the names or addresses by which "
            "the server is called from elsewhere. Received: none. '*' allows any name, so that any "
            "web site open in a user's browser can resolve its own name to here and read responses."
        )
    return names | {f"[{address}]" if address.version == 6 else str(address)}


def listen(host: str, port: int) -> socket.socket:
    """A bound socket; port 0 takes a free one.

    Raises:
        StageError: no such host, or the port is in use or needs privileges.
    """
    try:
        if not 0 <= port <= 65535:  # getaddrinfo takes it modulo 65536
            raise OverflowError("ports are 0 to 65535")
        flags = socket.AI_PASSIVE
        addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
        family, _, _, _, address = min(addresses, key=lambda entry: entry[0] != socket.AF_INET)
        listener = socket.socket(family)
    except (OSError, OverflowError, UnicodeError) as error:
        raise StageError(
            f"Expected --host and --port to be an address of this machine. Received: {host}, "
            f"{port} ({error})."
        ) from None
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        listener.close()
        raise StageError(
            f"Expected to listen on {host}, port {port}. Received: {error.strerror}. "
            "Take another --port (0: any free one)."
        ) from None
    return listener


def url_of(listener: socket.socket) -> str:
    """The URL for a browser on this machine."""
    address, port = listener.getsockname()[:2]
    if ipaddress.ip_address(address).is_unspecified:
        address = "localhost"
    return f"http://[{address}]:{port}/" if ":" in address else f"http://{address}:{port}/"


class Server(uvicorn.Server):
    """Uvicorn with the service's limits; keeps the worker's `ready` up to date."""

    def __init__(self, app: FastAPI, limits: Limits, announce: str | None = None):
        """Args:
        app: from `create_app`.
        limits: for connections.
        announce: printed once the model is warm.
        """
        super().__init__(
            uvicorn.Config(
                app,
                http=guarded(limits),
                ws="none",
                lifespan="on",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,  # nothing here depends on the client's address
                timeout_keep_alive=limits.idle_seconds,
                timeout_graceful_shutdown=GRACE_SECONDS,
            )
        )
        self._app, self._announce = app, announce

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listens, then warms the model: /healthz answers meanwhile, /readyz with 503."""
        await super().startup(sockets)
        await self._app.state.worker.warm_up()
        if self._announce:
            print(self._announce, flush=True)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """On SIGTERM or SIGINT: not ready any more; requests in flight are finished."""
        self._app.state.worker.ready = False
        super().handle_exit(sig, frame)
