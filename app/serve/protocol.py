"""Uvicorn's HTTP protocol, with the limits that it lacks: slow, large and unread."""

import asyncio
import json

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from app.serve.errors import ServiceError, report
from app.serve.settings import Limits

SPARE = 64  # connections above the limit that are still answered with 503; beyond, they are cut


class GuardedProtocol(HttpToolsProtocol):
    """One connection.

    What uvicorn 0.54 leaves open: it waits for ever for a request's headers and takes them of any
    length; after an early answer it reads on as long as something comes; and it keeps a connection
    whose client does not take the answer.

    Attributes:
        limits: connections, header_bytes, header_seconds, idle_seconds, body_bytes.
    """

    limits: Limits

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Refuses those above the limit; the first request's time begins."""
        super().connection_made(transport)
        self._place = "between requests"  # or "headers" or "body": of what is being received
        self._raw = self._chunk = 0  # bytes of this request, of what has come last
        self._timers: dict[str, asyncio.TimerHandle] = {}
        count = len(self.connections)
        if count > self.limits.connections + SPARE:
            transport.abort()
        elif count > self.limits.connections:
            self.app_state = self.app_state | {"crowded": True}  # gate.py answers 503
        self._set("receive", self.limits.header_seconds, self._too_slow)

    def connection_lost(self, exc: Exception | None) -> None:
        """Ends all timers."""
        for name in list(self._timers):
            self._unset(name)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Counts what comes; ends the connection when it is too much."""
        self._chunk = len(data)
        self._raw += len(data)
        super().data_received(data)
        if self.transport.is_closing():
            return
        # Blank lines before a request, its headers, or the rest of a body that nobody wants.
        if (self._place == "headers" or self._idle()) and "receive" not in self._timers:
            self._set("receive", self.limits.header_seconds, self._too_slow)
        if self._place == "headers" and self._raw > self.limits.header_bytes:
            self.send_400_response("headers too long")
        # Twice: the rest of a body that is refused is read for a while. What comes in tiny chunks,
        # or with trailers without end, is more than that.
        elif self._raw > self.limits.header_bytes + 2 * self.limits.body_bytes + self._chunk:
            self.transport.abort()

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        self._place, self._raw = "headers", self._chunk
        self._header_bytes = 0
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """A whole header, or a trailer after the body."""
        self._header_bytes += len(name) + len(value) + 4  # colon, space, end of line
        if self._header_bytes > self.limits.header_bytes:
            raise httptools.HttpParserError("headers too long")
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """From here on body.py looks at the time."""
        self._place = "body"
        self._unset("receive")
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The last byte of a request."""
        self._place, self._raw = "between requests", 0
        self._unset("receive")
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """All of the answer is handed over; whether it is taken is another matter."""
        super().on_response_complete()
        self._watch_sending()

    def pause_writing(self) -> None:
        """The client takes its answer more slowly than it is given."""
        super().pause_writing()
        self._watch_sending()

    def send_400_response(self, msg: str) -> None:
        """In the form of all errors."""
        message = "Expected an HTTP/1.1 request. Received: something that is not well formed."
        self._last_words(ServiceError("bad_request", message, msg))

    def _idle(self) -> bool:
        """Whether no request is being answered."""
        return self.cycle is None or self.cycle.response_complete

    def _too_slow(self) -> None:
        if not self._idle():  # the next request's headers wait until this one is answered
            self._set("receive", self.limits.header_seconds, self._too_slow)
        elif self._place == "headers":
            seconds = self.limits.header_seconds
            message = (
                f"Expected a request's headers within {seconds:g} s. Received: a part of them."
            )
            self._last_words(ServiceError("slow_request", message))
        elif not self.transport.is_closing():
            self.transport.close()

    def _last_words(self, error: ServiceError) -> None:
        if self.transport.is_closing():
            return
        body = json.dumps(report(error)).encode()
        line = {400: b"400 Bad Request", 408: b"408 Request Timeout"}[error.status]
        if self._idle() or not self.cycle.response_started:
            self.transport.write(
                b"HTTP/1.1 %s\r\ncontent-type: application/json\r\ncontent-length: %d\r\n"
                b"x-content-type-options: nosniff\r\nconnection: close\r\n\r\n%s"
                % (line, len(body), body)
            )
        self.transport.close()
        self._watch_sending()

    def _watch_sending(self) -> None:
        self._unset("send")
        if self.transport.get_write_buffer_size():
            self._set("send", self.limits.idle_seconds, self._unless_sent)

    def _unless_sent(self) -> None:
        if self.transport.get_write_buffer_size():
            self.transport.abort()

    def _set(self, name: str, seconds: float, then) -> None:
        def expire() -> None:
            self._timers.pop(name, None)
            then()

        self._timers[name] = self.loop.call_later(seconds, expire)

    def _unset(self, name: str) -> None:
        if timer := self._timers.pop(name, None):
            timer.cancel()


def guarded(limits: Limits) -> type[GuardedProtocol]:
    """The protocol class with these limits, for uvicorn's `http`."""
    return type("Guarded", (GuardedProtocol,), {"limits": limits})
