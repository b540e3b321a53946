"""Summary of the stage: the numbers of its metrics file and the words of its closing line."""

import collections

import pandas as pd

from common.preprocessing import Greys
from common.reasons import REASONS
from stages.clean import quality
from stages.clean.labels.read import SourceLabels

# What becomes of a file, as the metrics count it: exactly one of these.
FATES = ("junk", "outside_classes", "label_tables", "unlisted", "kept", "rejected")

# Black and white that need no word: those of 8 and 16 bits in full, and of shares.
AS_STORED = ((0.0, 255.0), (0.0, 65535.0), (0.0, 1.0))


def metrics_of(
    n_files: int, n_junk: int, labels: SourceLabels, kept: pd.DataFrame, rejected: list[dict]
) -> dict:
    """The content of the stage's metrics file.

    Args:
        n_files: number of files below the folder of the source.
        n_junk: how many of them are junk.
        labels: of the others.
        kept: images kept, with `label`, `group` and the flags of quality.py.
        rejected: rows of the reject table.

    Raises:
        AssertionError: the numbers of FATES do not add up to `n_files`.
    """
    reasons = collections.Counter(row["reason"] for row in rejected)
    metrics = {
        "files": n_files,
        "junk": n_junk,
        "outside_classes": len(labels.outside),
        "label_tables": len(labels.tables),
        "unlisted": len(labels.unlisted),
        "listed_but_missing": labels.missing,
        "kept": len(kept),
        "rejected": len(rejected),
        "rejected_by_reason": {reason: reasons[reason] for reason in REASONS},
        "kept_by_class": {
            label: int(count) for label, count in kept["label"].value_counts().items()
        },
        "groups": int(kept["group"].nunique()),
    } | quality.count_flags(kept)
    fates = {name: metrics[name] for name in FATES}
    if sum(fates.values()) != n_files:
        raise AssertionError(f"Expected each of {n_files} files to be counted once: {fates}")
    return metrics


def words_of_greys(greys: Greys) -> list[str]:
    """What the user should know of how greys of more than 8 bits were scaled; none without any."""
    kinds = {"whole numbers": greys.whole, "floating-point numbers": greys.real}
    return [
        f"greys of {kind}: {span[0]:g} of the files became black, {span[1]:g} white, by the "
        "values that the set has; the model keeps these for the files that it is asked"
        for kind, span in kinds.items()
        if span and span not in AS_STORED
    ]


def summary_of(metrics: dict) -> str:
    """The stage's closing line, from its metrics."""
    counts = sorted(metrics["rejected_by_reason"].items())
    rejected = ", ".join(f"{count} {reason}" for reason, count in counts if count)
    labelled = metrics["kept"] + metrics["rejected"]
    return f"{metrics['kept']:,} of {labelled:,} images kept; {rejected or 'none'} rejected"
