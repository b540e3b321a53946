"""Manifests as tables in memory, without files behind them."""

import pandas as pd


def manifest_of(labels, groups=None, given_split=None) -> pd.DataFrame:
    """The manifest's columns that splitting reads; each image a group of its own by default."""
    n = len(labels)
    return pd.DataFrame(
        {
            "image_id": [f"{(i * 2654435761) % 2**32:016x}" for i in range(n)],
            "path": [f"{label}/{i}.jpg" for i, label in enumerate(labels)],
            "label": labels,
            "given_split": given_split or [None] * n,
            "group": range(n) if groups is None else groups,
        }
    )
