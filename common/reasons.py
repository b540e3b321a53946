"""Reasons for rejecting a file: the closed vocabulary, with words for people.

`stages.clean` writes these reasons into the reject table, the report explains them, and the server
has an answer for each that decoding can give. Code names a reason by its constant, never by its
text: a constant that is misspelt fails at import.
"""

EMPTY = "empty"
NOT_AN_IMAGE = "not_an_image"
UNSUPPORTED_FORMAT = "unsupported_format"
TRUNCATED = "truncated"
TOO_SMALL = "too_small"
TOO_LARGE = "too_large"
BAD_ASPECT = "bad_aspect"
NO_CONTENT = "no_content"
EXACT_DUPLICATE = "exact_duplicate"
NEAR_DUPLICATE = "near_duplicate"
LABEL_CONFLICT = "label_conflict"

REASONS = {
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

# Those that `images.decode` gives, by a file's bytes alone.
DECODING = (EMPTY, NOT_AN_IMAGE, UNSUPPORTED_FORMAT, TRUNCATED, TOO_LARGE)
