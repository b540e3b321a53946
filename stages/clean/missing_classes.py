"""Classes of the source of which no picture is left: why, in words, and whether it may be so."""

import collections
from collections.abc import Iterable

from common.errors import StageError, quote_lines
from common.reasons import LABEL_CONFLICT

ENOUGH = 2  # classes that a model needs


def require_classes(
    labels: Iterable[str], kept: Iterable[str], rejected: list[dict], if_missing: str, table: str
) -> list[str]:
    """Compares the classes of the source with those that are kept.

    Args:
        labels: class of every labelled file.
        kept: class of every picture that is kept.
        rejected: rows of the reject table.
        if_missing: clean.missing_classes, "error" or "drop".
        table: path of the reject table, for the message.

    Returns:
        Warnings, of classes that may be dropped.

    Raises:
        StageError: fewer than two classes are left, or one is missing that may not be.
    """
    rest = set(kept)
    missing = sorted(set(labels) - rest)
    if not missing and len(rest) >= ENOUGH:
        return []
    lines = quote_lines([_fate(label, rejected) for label in missing])
    if len(rest) < ENOUGH:
        raise StageError(
            "Expected usable images of two classes at least. Received: "
            f"{', '.join(sorted(rest)) or 'none'}, and no usable image of:{lines}\n"
            f"{_advice(missing, rejected)}Every file and its reason stand in {table}."
        )
    if if_missing == "error":
        raise StageError(
            f"Expected usable images of every class. Received none of {len(missing):,} "
            f"class(es):{lines}\n{_advice(missing, rejected)}Every file and its reason stand in "
            f"{table}. Set clean.missing_classes to drop to go on without these classes."
        )
    return [f"{len(missing):,} class(es) without a usable image are left out:{lines}"]


def _fate(label: str, rejected: list[dict]) -> str:
    """What became of the files of a class: `dog: 8 unsupported_format, e.g. dog/1.heic (…)`."""
    rows = [row for row in rejected if row["label"] == label]
    reasons = collections.Counter(row["reason"] for row in rows)
    counts = ", ".join(f"{count:,} {reason}" for reason, count in reasons.most_common())
    example = next((row for row in rows if row["reason"] == reasons.most_common(1)[0][0]), None)
    if example is None:
        return f"{label}: no files"
    return f"{label}: {counts}, e.g. {example['path']} ({example['detail']})"


def _advice(missing: list[str], rejected: list[dict]) -> str:
    """What to do where most files of the missing classes stand under two labels."""
    rows = [row for row in rejected if row["label"] in missing]
    conflicts = [row for row in rows if row["reason"] == LABEL_CONFLICT]
    if 2 * len(conflicts) <= len(rows) or not conflicts:
        return ""
    return (
        "The set holds the same pictures under several labels: leave the folder out that repeats "
        "the others, or set clean.conflicts to keep. "
    )
