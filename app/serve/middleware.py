"""ASGI middleware around all routes: host and origin checks, headers, error responses, counters."""

import asyncio
import re
import time
from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.serve.body import BUSY, ClientGoneError
from app.serve.errors import ServiceError, error_response
from app.serve.settings import Settings
from app.serve.telemetry import OTHER, Telemetry

HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::\d{1,5})?")
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
ANY_HOST_PATHS = ("/healthz", "/readyz")  # orchestrators use addresses; nothing is disclosed there

HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "permissions-policy": "camera=(self), microphone=(), geolocation=(), display-capture=(), "
    "payment=(), usb=()",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-embedder-policy": "require-corp",
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data: blob:; media-src 'self' blob:; connect-src 'self'; font-src 'self'; "
    "manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
}
_RAW = [(name.encode(), value.encode()) for name, value in HEADERS.items()]

# After an early response the rest of the body is read and discarded for a while: a client that
# still sends when the connection is closed would get a reset instead of the response.
LINGER_SECONDS = 2


class Gate:
    """The outermost ASGI middleware."""

    def __init__(self, app: ASGIApp, settings: Settings, telemetry: Telemetry):
        self.app, self.settings, self.telemetry = app, settings, telemetry

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles a request; passes on lifespan events, the only other type."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        start, status, body_read = time.perf_counter(), 0, not _has_body(scope)

        async def watched_receive() -> Message:
            nonlocal body_read
            message = await receive()
            body_read = body_read or not message.get("more_body", False)
            return message

        async def secured_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = message["headers"] = [*message.get("headers", ()), *_RAW]
                if not any(name == b"cache-control" for name, _ in headers):
                    headers.append((b"cache-control", b"no-store"))
            await send(message)

        async def refuse(error: ServiceError, trace: BaseException | None = None) -> None:
            if status:  # too late for another response: the connection ends in the middle of it
                raise error
            self.telemetry.rejected.labels(error.code).inc()
            await self._refuse(error, trace, watched_receive, secured_send, lambda: body_read)

        try:
            self._check(scope)
            await self.app(scope, watched_receive, secured_send)
        except ServiceError as error:
            await refuse(error)
        except ClientGoneError:
            self.telemetry.cut.inc()
        except Exception as error:  # a bug: the client gets an id, the log the traceback
            message = "Expected an answer. Received: a fault of the server's. It is in its log."
            await refuse(ServiceError("internal", message, repr(error)), error)
        finally:
            if status:
                route = _route(scope)
                self.telemetry.requests.labels(route, str(status)).inc()
                self.telemetry.seconds.labels(route).observe(time.perf_counter() - start)

    def _check(self, scope: Scope) -> None:
        """Checks load, host and origin.

        Raises:
            ServiceError: busy, wrong_host or cross_origin.
        """
        if scope.get("state", {}).get("crowded"):
            raise ServiceError("busy", BUSY, "too many connections")
        headers: dict[bytes, list[bytes]] = {}
        for name, value in scope["headers"]:
            headers.setdefault(name, []).append(value)
        host = b"|".join(headers.get(b"host", ())).decode("latin-1").lower()
        if scope["path"] not in ANY_HOST_PATHS:
            # DNS rebinding: a foreign page may have its own name resolve to this machine. The
            # browser then lets it read the responses, but still sends that name.
            match = HOST.fullmatch(host)
            allowed = self.settings.allowed_hosts
            if not match or not ("*" in allowed or match[1].rstrip(".") in allowed):
                raise ServiceError(
                    "wrong_host",
                    "Expected a name that this server was started for. Received: another one. "
                    "Start it with --allowed-host NAME.",
                    f"host {host}",
                )
        if scope["method"] not in SAFE_METHODS:
            # CSRF: any page may have a browser post text to any address without a preflight.
            origin = b"|".join(headers.get(b"origin", ())).decode("latin-1").lower()
            site = b"|".join(headers.get(b"sec-fetch-site", (b"none",)))
            if site not in (b"same-origin", b"none") or (
                origin and origin.partition("://")[2] != host
            ):
                raise ServiceError(
                    "cross_origin",
                    "Expected a request from this server's own page or from a program. "
                    "Received: one that another web site had a browser send.",
                    f"origin {origin}, site {site!r}",
                )

    async def _refuse(
        self,
        error: ServiceError,
        trace: BaseException | None,
        receive: Receive,
        send: Send,
        body_read: Callable[[], bool],
    ) -> None:
        body, headers = error_response(error, trace)
        headers["content-length"] = str(len(body))
        unread = not body_read()
        if unread or error.code == "busy":
            headers["connection"] = "close"
        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": error.status, "headers": raw})
        await send({"type": "http.response.body", "body": body, "more_body": unread})
        if not unread:
            return
        left = self.settings.limits.body_bytes
        try:
            async with asyncio.timeout(LINGER_SECONDS):
                while left > 0 and not body_read():
                    left -= len((await receive()).get("body", b""))
        except TimeoutError:
            pass
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def _route(scope: Scope) -> str:
    """The template of the path: one of a few values, as a label needs."""
    if scope["path"].startswith("/static/"):
        return "/static"
    return getattr(scope.get("route"), "path", OTHER)


def _has_body(scope: Scope) -> bool:
    return any(
        name == b"transfer-encoding" or (name == b"content-length" and value.strip(b"0 "))
        for name, value in scope["headers"]
    )
