"""Reasons for rejecting a file: the closed vocabulary.

`stages.clean` writes these reasons into the reject table, the report explains them, and the server
has an answer for each that decoding can give. Code names a reason by its constant, never by its
text: a constant that is misspelt fails at import. Words for people stand in reason_words.py: most
stages depend on this file, and a new wording must not run them again.
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

REASONS = (
    EMPTY,
    NOT_AN_IMAGE,
    UNSUPPORTED_FORMAT,
    TRUNCATED,
    TOO_SMALL,
    TOO_LARGE,
    BAD_ASPECT,
    NO_CONTENT,
    EXACT_DUPLICATE,
    NEAR_DUPLICATE,
    LABEL_CONFLICT,
)

# Those that `images.decode` gives, by a file's bytes alone.
DECODING = (EMPTY, NOT_AN_IMAGE, UNSUPPORTED_FORMAT, TRUNCATED, TOO_LARGE)
