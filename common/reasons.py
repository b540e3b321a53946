"""Why a file is no usable image of its class: the closed vocabulary, with words for people.

`stages.clean` writes these reasons into the reject table, the report explains them, and the server
has an answer for each that decoding can give.
"""

REASONS = {
    "empty": "no byte in it",
    "not_an_image": "no picture, whatever its name",
    "unsupported_format": "a format that is not read",
    "truncated": "cut short or damaged",
    "too_small": "below clean.min_side",
    "too_large": "above clean.max_pixels",
    "bad_aspect": "longer than clean.max_aspect allows",
    "no_content": "one even colour",
    "exact_duplicate": "the same bytes as a kept one",
    "near_duplicate": "a copy of a kept one: scaled, cropped, re-encoded, stamped, mirrored",
    "label_conflict": "the same picture under two labels",
}

# Those that `images.decode` gives, by a file's bytes alone.
DECODING = ("empty", "not_an_image", "unsupported_format", "truncated", "too_large")
