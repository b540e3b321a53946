"""Error responses of the service: codes, statuses, messages, and the entry in the log."""

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
    "unusable_image": 422,
    "internal": 500,
    "busy": 503,
    "timed_out": 504,
}
RETRY_SECONDS = 1  # for Retry-After: in about that time the longest queue is worked off

# For each of `reasons.DECODING`: the code and the message, in which {formats} and {megapixels}
# stand for what the server accepts.
IMAGE_ERRORS = {
    "empty": ("empty", "Expected a picture. Received: 0 bytes. Choose another file."),
    "not_an_image": (
        "not_an_image",
        "Expected a picture ({formats}). Received: something else. Choose another file.",
    ),
    "unsupported_format": (
        "unsupported_format",
        "Expected a picture as {formats}. Received: another format. Save it as JPEG or PNG.",
    ),
    "too_large": (
        "too_many_pixels",
        "Expected at most {megapixels:g} megapixels. Received: more. Make it smaller.",
    ),
    "truncated": (
        "truncated",
        "Expected a whole picture. Received: a damaged one, or only a part of it. "
        "Copy or save it again.",
    ),
}
# For any other reason, so that a new one is never a fault of the server's.
OTHER_IMAGE_ERROR = (
    "unusable_image",
    "Expected a picture that can be used. Received: one that cannot. Choose another file.",
)


class ServiceError(Exception):
    """A request that is answered with an error.

    Attributes:
        code: one of STATUSES.
        message: for the client: what was expected, what was received, how to mend it. Contains
            nothing that the client sent.
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
        """The HTTP status."""
        return STATUSES[self.code]


def of_image(error: ImageError, max_pixels: int, formats: tuple[str, ...]) -> ServiceError:
    """The error response to an image that cannot be used.

    Args:
        error: from decoding it.
        max_pixels: the limit on width x height.
        formats: accepted formats.
    """
    code, message = IMAGE_ERRORS.get(error.reason, OTHER_IMAGE_ERROR)
    limits = {"formats": ", ".join(formats), "megapixels": max_pixels / 1e6}
    return ServiceError(code, message.format(**limits), error.detail)


def log_error(error: ServiceError, trace: BaseException | None = None) -> dict:
    """Logs the error under a new id; returns the JSON object for the client, without details."""
    number = secrets.token_hex(4)
    # ascii(), because the detail may hold line breaks that a client sent.
    level = logging.ERROR if error.code == "internal" else logging.INFO
    LOG.log(level, "%s %s %s", number, error.code, ascii(error.detail), exc_info=trace)
    return {"error": {"code": error.code, "message": error.message, "id": number}}


def error_response(
    error: ServiceError, trace: BaseException | None = None
) -> tuple[bytes, dict[str, str]]:
    """Body and headers of the HTTP response to a failed request; logs the error."""
    body = json.dumps(log_error(error, trace)).encode()
    headers = {"content-type": "application/json", **error.headers}
    if error.code == "busy":
        headers["retry-after"] = str(RETRY_SECONDS)
    return body, headers
