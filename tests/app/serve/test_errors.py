"""Error responses: an answer to each reason of decoding, none of them a fault of the server's."""

import pytest

from app.serve.errors import IMAGE_ERRORS, OTHER_IMAGE_ERROR, STATUSES, ServiceError, of_image
from common.images import ImageError
from common.reasons import DECODING, REASONS

FORMATS = ("JPEG", "PNG")


def test_each_reason_of_decoding_has_an_answer():
    assert set(IMAGE_ERRORS) == set(DECODING)


@pytest.mark.parametrize("reason", REASONS)
def test_no_reason_is_a_fault_of_the_servers(reason):
    error = of_image(ImageError(reason, "detail for the log"), 50_000_000, FORMATS)
    assert 400 <= error.status < 500
    assert error.message.startswith("Expected ") and " Received: " in error.message
    assert "{" not in error.message and error.detail == "detail for the log"
    assert (error.code == OTHER_IMAGE_ERROR[0]) == (reason not in DECODING)


def test_limits_and_formats_stand_in_the_messages():
    large = of_image(ImageError("too_large", ""), 50_000_000, FORMATS)
    assert (large.code, large.status) == ("too_many_pixels", 413)
    assert large.message.startswith("Expected at most 50 megapixels.")
    other = of_image(ImageError("not_an_image", ""), 1, FORMATS)
    assert other.message.startswith("Expected a picture (JPEG, PNG).")


def test_codes_have_statuses_of_errors():
    assert all(400 <= status < 600 for status in STATUSES.values())
    with pytest.raises(KeyError):
        _ = ServiceError("unknown", "").status
