"""What the service answers when it does not answer: one form, with a code, a text and an id."""

import json
import logging
import secrets

from common.images import ImageError

LOG = logging.getLogger("app.serve")

STATUSES = {
    "bad_request": 400,
    "wrong_host": 400,
    "cross_origin": 403,
    "not_found": 404,
    "method_not_allowed": 405,
    "slow_request": 408,
    "body_too_large": 413,
    "too_many_pixels": 413,
    "too_many_pictures": 413,
    "not_an_image": 415,
    "unsupported_format": 415,
    "truncated": 422,
    "empty": 422,
    "internal": 500,
    "busy": 503,
    "timed_out": 504,
}
RETRY_SECONDS = 1  # what Retry-After says: the longest queue is worked off in about that


class ServiceError(Exception):
    """A request that gets no answer.

    Attributes:
        code: one of STATUSES.
        message: for the client: what was expected, what was received, how to mend it. Holds
            nothing of what the client sent.
        detail: for the log.
        headers: of the HTTP response, besides the usual.
    """

    def __init__(
        self, code: str, message: str, detail: str = "", headers: dict[str, str] | None = None
    ):
        super().__init__(message)
        self.code, self.message, self.detail = code, message, detail
        self.headers = headers or {}

    @property
    def status(self) -> int:
        """Of the HTTP response."""
        return STATUSES[self.code]


def of_image(error: ImageError, pixels: int, formats: tuple[str, ...]) -> ServiceError:
    """The answer to an image that cannot be used.

    Args:
        error: what is wrong with it.
        pixels: the limit on width x height.
        formats: what is accepted.
    """
    known = ", ".join(formats)
    code, message = {
        "empty": ("empty", "Expected a picture. Received: 0 bytes. Choose another file."),
        "not_an_image": (
            "not_an_image",
            f"Expected a picture ({known}). Received: something else. Choose another file.",
        ),
        "unsupported_format": (
            "unsupported_format",
            f"Expected a picture as {known}. Received: another format. Save it as JPEG or PNG.",
        ),
        "too_large": (
            "too_many_pixels",
            f"Expected at most {pixels / 1e6:g} megapixels. Received: more. Make it smaller.",
        ),
        "truncated": (
            "truncated",
            "Expected a whole picture. Received: a damaged one, or only a part of it. "
            "Copy or save it again.",
        ),
    }[error.reason]
    return ServiceError(code, message, error.detail)


def report(error: ServiceError, trace: BaseException | None = None) -> dict:
    """Logs the error under a new id; returns what the client gets, as JSON holds it."""
    number = secrets.token_hex(4)
    # ascii(): what a client sent must not write lines of its own into the log.
    level = logging.ERROR if error.code == "internal" else logging.INFO
    LOG.log(level, "%s %s %s", number, error.code, ascii(error.detail), exc_info=trace)
    return {"error": {"code": error.code, "message": error.message, "id": number}}


def response(
    error: ServiceError, trace: BaseException | None = None
) -> tuple[bytes, dict[str, str]]:
    """Body and headers of the response to a request that failed; logs it."""
    body = json.dumps(report(error, trace)).encode()
    headers = {"content-type": "application/json", **error.headers}
    if error.code == "busy":
        headers["retry-after"] = str(RETRY_SECONDS)
    return body, headers
