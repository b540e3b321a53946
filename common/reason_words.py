"""Words for people about each reason for rejecting a file, in the report."""

from common.reasons import (
    BAD_ASPECT,
    EMPTY,
    EXACT_DUPLICATE,
    LABEL_CONFLICT,
    NEAR_DUPLICATE,
    NO_CONTENT,
    NOT_AN_IMAGE,
    TOO_LARGE,
    TOO_SMALL,
    TRUNCATED,
    UNSUPPORTED_FORMAT,
)

WORDS = {
    EMPTY: "no byte in it",
    NOT_AN_IMAGE: "no picture, whatever its name",
    UNSUPPORTED_FORMAT: "a format that is not read",
    TRUNCATED: "cut short or damaged",
    TOO_SMALL: "below clean.min_side",
    TOO_LARGE: "above clean.max_pixels",
    BAD_ASPECT: "longer than clean.max_aspect allows",
    NO_CONTENT: "one even colour",
    EXACT_DUPLICATE: "the same bytes as a kept one",
    NEAR_DUPLICATE: "a copy of a kept one: scaled, cropped, re-encoded, stamped, mirrored",
    LABEL_CONFLICT: "the same picture under two labels",
}
