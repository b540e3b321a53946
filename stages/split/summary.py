"""Summary of the stage: the numbers of its metrics file and the words of its closing line."""

from pathlib import Path

import pandas as pd

from common.errors import StageError
from common.tables.dataset import SPLITS


def class_names_of(manifest: pd.DataFrame, source: Path) -> list[str]:
    """Names of the classes, sorted: the order of the label index.

    Args:
        manifest: column label.
        source: its file, for the message.

    Raises:
        StageError: fewer than two.
    """
    class_names = sorted(manifest["label"].unique())
    if len(class_names) < 2:
        raise StageError(
            f"Expected images of at least two classes in {source}. Received: "
            f"{', '.join(class_names) or 'none'}. See data/clean/rejected.csv for what was dropped."
        )
    return class_names


def count_images(manifest: pd.DataFrame, split: pd.Series, class_names: list[str]) -> pd.DataFrame:
    """Number of images by class (index, in label order) and split (columns).

    Raises:
        StageError: a class is missing from a split.
    """
    counts = pd.crosstab(manifest["label"], split).reindex(
        index=class_names, columns=list(SPLITS), fill_value=0
    )
    if (counts == 0).any(axis=None):
        raise StageError(f"After dropping leaks a class is missing from a split:\n{counts}")
    return counts


def metrics_of(
    manifest: pd.DataFrame, split: pd.Series, counts: pd.DataFrame, leaks: list[dict]
) -> dict:
    """Content of metrics/split.json.

    Args:
        manifest: the images that were kept.
        split: of each.
        counts: as `count_images` gives them.
        leaks: with the `action` taken, "dropped" or "kept".
    """
    dropped = sum(leak["action"] == "dropped" for leak in leaks)
    groups = manifest.groupby(split)["group"].nunique()
    per_split = {
        name: {
            "n_examples": int(counts[name].sum()),
            "groups": int(groups[name]),
            "per_class": {label: int(counts.loc[label, name]) for label in counts.index},
        }
        for name in SPLITS
    }
    return per_split | {
        "n_classes": len(counts),
        "pictures": len(manifest) + dropped,
        "leaks": len(leaks),
        "dropped": dropped,
    }


def summary_of(metrics: dict, image_size: tuple[int, int]) -> str:
    """The stage's closing line, from its metrics."""
    sizes = ", ".join(f"{metrics[name]['n_examples']:,} {name}" for name in SPLITS)
    height, width = image_size
    return f"{sizes}; {metrics['n_classes']} classes, {height}x{width} px"
