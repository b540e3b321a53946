"""One spelling of each class: accents and numbers that are written in two ways, and look-alikes."""

import dataclasses
import re
import unicodedata
from collections import Counter, defaultdict

from common.errors import quote_lines
from stages.clean.labels.class_folders import LabelledFile

_WHOLE = re.compile(r"([+-]?\d+)\.0*")


def one_spelling(labelled: list[LabelledFile]) -> tuple[list[LabelledFile], list[str]]:
    """Writes each class in one way.

    Accents are composed (NFC), as macOS writes them apart. A number with an empty fraction is the
    number without, where both are there: `1.0` is `1`. All else stays as it is, since `Cat` and
    `cat` may be meant to be two.

    Returns:
        The files with their labels so, and a warning where names differ by case, blanks or
        punctuation alone, with the number of files of each.
    """
    composed = [unicodedata.normalize("NFC", file.label) for file in labelled]
    known = set(composed)
    spelling = {label: _as_whole_number(label, known) for label in known}
    written = [
        dataclasses.replace(file, label=spelling[label])
        for file, label in zip(labelled, composed, strict=True)
    ]
    counts = Counter(file.label for file in written)
    alike = defaultdict(list)
    for label in sorted(counts):
        alike[re.sub(r"[\W_]+", "", label.casefold())].append(
            f"{label!r} ({counts[label]:,} files)"
        )
    lines = [" and ".join(group) for key, group in sorted(alike.items()) if key and len(group) > 1]
    if not lines:
        return written, []
    return written, [
        f"class names that differ by case, blanks or punctuation alone are classes of their own:"
        f"{quote_lines(lines)}"
    ]


def _as_whole_number(label: str, known: set[str]) -> str:
    match = _WHOLE.fullmatch(label)
    return match[1] if match and match[1] in known else label
