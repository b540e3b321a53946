"""HTTP protocol for uvicorn with limits for slow and large requests and for unread responses."""

import asyncio
import json
from collections.abc import Callable

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from app.serve.errors import ServiceError, log_error
from app.serve.settings import Limits

SPARE = 64  # connections above the limit that still get a 503; further ones are aborted


class GuardedProtocol(HttpToolsProtocol):
    """One connection.

    Closes gaps of uvicorn 0.54, which waits without limit for a request's headers and accepts them
    at any length, goes on reading without limit after an early response, and keeps connections
    whose client does not read the response.

    Attributes:
        limits: connections, header_bytes, header_seconds, idle_seconds, body_bytes.
    """

    limits: Limits

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Starts the first request's timer; refuses connections above the limit."""
        super().connection_made(transport)
        self._receiving = "nothing"  # or "headers" or "body"
        self._raw = self._chunk = 0  # bytes received: of this request, in the last chunk
        self._timers: dict[str, asyncio.TimerHandle] = {}
        count = len(self.connections)
        if count > self.limits.connections + SPARE:
            transport.abort()
        elif count > self.limits.connections:
            self.app_state = self.app_state | {"crowded": True}  # middleware.py responds with 503
        self._start_timer("receive", self.limits.header_seconds, self._on_slow_request)

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancels all timers."""
        for name in list(self._timers):
            self._cancel_timer(name)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Counts received bytes; ends the connection beyond the limit."""
        self._chunk = len(data)
        self._raw += len(data)
        super().data_received(data)
        if self.transport.is_closing():
            return
        # Blank lines before a request, its headers, or the rest of a body after an early response.
        if (self._receiving == "headers" or self._is_idle()) and "receive" not in self._timers:
            self._start_timer("receive", self.limits.header_seconds, self._on_slow_request)
        if self._receiving == "headers" and self._raw > self.limits.header_bytes:
            self.send_400_response("headers too long")
        # Twice, because the rest of a refused body is read for a while. Tiny chunks and endless
        # trailers take more than that.
        elif self._raw > self.limits.header_bytes + 2 * self.limits.body_bytes + self._chunk:
            self.transport.abort()

    def on_message_begin(self) -> None:
        """Called at the first byte of a request."""
        self._receiving, self._raw = "headers", self._chunk
        self._header_bytes = 0
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Called for each complete header, and each trailer after the body."""
        self._header_bytes += len(name) + len(value) + 4  # colon, space, end of line
        if self._header_bytes > self.limits.header_bytes:
            raise httptools.HttpParserError("headers too long")
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Called before the body, whose time body.py limits."""
        self._receiving = "body"
        self._cancel_timer("receive")
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Called at the last byte of a request."""
        self._receiving, self._raw = "nothing", 0
        self._cancel_timer("receive")
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Called once the response is in the write buffer, which the client may not have read."""
        super().on_response_complete()
        self._limit_sending()

    def pause_writing(self) -> None:
        """Called when the write buffer is full: the client reads more slowly than we send."""
        super().pause_writing()
        self._limit_sending()

    def send_400_response(self, msg: str) -> None:
        """Responds to a malformed request with the JSON of all error responses."""
        message = "Expected an HTTP/1.1 request. Received: something that is not well formed."
        self._refuse_and_close(ServiceError("bad_request", message, msg))

    def _is_idle(self) -> bool:
        """Whether no response is pending."""
        return self.cycle is None or self.cycle.response_complete

    def _on_slow_request(self) -> None:
        if not self._is_idle():  # headers of the next request, which waits for this response
            self._start_timer("receive", self.limits.header_seconds, self._on_slow_request)
        elif self._receiving == "headers":
            seconds = self.limits.header_seconds
            message = (
                f"Expected a request's headers within {seconds:g} s. Received: a part of them."
            )
            self._refuse_and_close(ServiceError("slow_request", message))
        elif not self.transport.is_closing():
            self.transport.close()

    def _refuse_and_close(self, error: ServiceError) -> None:
        if self.transport.is_closing():
            return
        body = json.dumps(log_error(error)).encode()
        line = {400: b"400 Bad Request", 408: b"408 Request Timeout"}[error.status]
        if self._is_idle() or not self.cycle.response_started:
            self.transport.write(
                b"HTTP/1.1 %s\r\ncontent-type: application/json\r\ncontent-length: %d\r\n"
                b"x-content-type-options: nosniff\r\nconnection: close\r\n\r\n%s"
                % (line, len(body), body)
            )
        self.transport.close()
        self._limit_sending()

    def _limit_sending(self) -> None:
        self._cancel_timer("send")
        if self.transport.get_write_buffer_size():
            self._start_timer("send", self.limits.idle_seconds, self._abort_unless_sent)

    def _abort_unless_sent(self) -> None:
        if self.transport.get_write_buffer_size():
            self.transport.abort()

    def _start_timer(self, name: str, seconds: float, callback: Callable[[], None]) -> None:
        def expire() -> None:
            self._timers.pop(name, None)
            callback()

        self._timers[name] = self.loop.call_later(seconds, expire)

    def _cancel_timer(self, name: str) -> None:
        if timer := self._timers.pop(name, None):
            timer.cancel()


def guarded(limits: Limits) -> type[GuardedProtocol]:
    """The protocol class with these limits, for uvicorn's `http`."""
    return type("Guarded", (GuardedProtocol,), {"limits": limits})
