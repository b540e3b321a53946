"""Request bodies: read within limits of size and time, into memory only; multipart parsing."""

import asyncio

import python_multipart
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header
from starlette.requests import Request

from app.serve.errors import ServiceError
from app.serve.settings import Limits

PART_HEADER_BYTES = 4096


class ClientGoneError(Exception):
    """The client has closed the connection before the response was sent."""


class Memory:
    """Counts the bytes of all bodies in memory, so that many clients cannot exhaust it.

    Attributes:
        limit: bytes, at most.
        held: bytes, at present.
    """

    def __init__(self, limit: int):
        self.limit, self.held = limit, 0

    def take(self, count: int) -> None:
        """Counts `count` more bytes as held.

        Raises:
            ServiceError: busy, beyond the limit.
        """
        if self.held + count > self.limit:
            raise ServiceError("busy", BUSY, f"{self.held} bytes of bodies are in memory")
        self.held += count


BUSY = "Expected fewer requests at a time. Received: more than can be worked on. Try again soon."


class Body:
    """The body of one request, counted in `Memory` while the context is open."""

    def __init__(self, request: Request, limits: Limits, memory: Memory):
        self._request, self._limits, self._memory = request, limits, memory
        self._counted = 0

    def __enter__(self) -> "Body":
        return self

    def __exit__(self, *exc) -> None:
        self._memory.held -= self._counted

    async def read(self) -> bytes:
        """Reads the whole body.

        Raises:
            ServiceError: body_too_large, slow_request or busy.
            ClientGoneError: the client has closed the connection.
        """
        limits = self._limits
        declared = self._request.headers.get("content-length", "")
        if declared.isdigit() and int(declared) > limits.body_bytes:
            raise self._too_large(f"content-length {int(declared)}")
        chunks: list[bytes] = []
        start = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout_at(start + limits.body_seconds) as deadline:
                while True:
                    message = await self._request.receive()
                    if message["type"] == "http.disconnect":
                        raise ClientGoneError
                    chunk = message.get("body", b"")
                    self._memory.take(len(chunk))
                    self._counted += len(chunk)
                    if self._counted > limits.body_bytes:
                        raise self._too_large(f"{self._counted} bytes and more")
                    chunks.append(chunk)
                    if not message.get("more_body", False):
                        return b"".join(chunks)
                    allowed = limits.body_seconds + self._counted / limits.body_rate
                    deadline.reschedule(start + allowed)
        except TimeoutError:
            raise ServiceError(
                "slow_request",
                f"Expected the whole request within {limits.body_seconds:g} s, and "
                f"{limits.body_rate / 1000:g} kB/s. Received: less. Send a smaller picture.",
                f"{self._counted} bytes",
            ) from None

    def _too_large(self, detail: str) -> ServiceError:
        return ServiceError(
            "body_too_large",
            f"Expected at most {self._limits.body_bytes / 1e6:g} MB. Received: more. "
            "Send a smaller picture, or several one by one.",
            detail,
        )


def is_multipart(content_type: str | None) -> bool:
    """Whether the body is multipart/form-data; any other Content-Type means one raw image."""
    return parse_options_header(content_type)[0] == b"multipart/form-data"


def split_parts(body: bytes, content_type: str, images: int) -> list[bytes]:
    """The parts of a multipart/form-data body, in order; field and file names are ignored.

    Args:
        body: the whole body.
        content_type: with the boundary.
        images: the largest number of parts.

    Raises:
        ServiceError: bad_request or too_many_pictures.
    """
    boundary = parse_options_header(content_type)[1].get(b"boundary", b"")
    if not boundary:
        raise _malformed("no boundary")
    parts: list[bytearray] = []
    ended = False

    def begin() -> None:
        if len(parts) == images:
            raise ServiceError(
                "too_many_pictures",
                f"Expected at most {images} pictures in a request. Received: more. "
                "Send them in several requests.",
            )
        parts.append(bytearray())

    def data(chunk: bytes, start: int, end: int) -> None:
        parts[-1].extend(memoryview(chunk)[start:end])

    def end() -> None:
        nonlocal ended
        ended = True

    callbacks = {"on_part_begin": begin, "on_part_data": data, "on_end": end}
    try:
        parser = python_multipart.MultipartParser(
            boundary, callbacks, max_header_size=PART_HEADER_BYTES
        )
        parser.write(body)
        parser.finalize()
    except FormParserError as error:
        raise _malformed(str(error)) from None
    if not ended:
        raise _malformed("no last boundary")
    if not parts:
        raise _malformed("no parts")
    return [bytes(part) for part in parts]


def _malformed(detail: str) -> ServiceError:
    return ServiceError(
        "bad_request",
        "Expected multipart/form-data with one picture or several. Received: something that is "
        "not well formed. Send the picture itself as the body instead.",
        detail,
    )
