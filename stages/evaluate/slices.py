"""Accuracy in parts of the test set, worst first: what a mean hides.

Slices overlap, and with many of them some look bad by chance: the intervals are of one slice each.
"""

from pathlib import PurePosixPath

import numpy as np
import pandas as pd
from scipy import sparse

from common.tables import FLAGS
from stages.evaluate.intervals import shares
from stages.evaluate.resampling import Resamples

COLUMNS = ["kind", "slice", "n", "groups", "wrong", "accuracy", "accuracy_low", "accuracy_high"]
FOLDERS = 200  # of more, those with the most images


def assign(manifest: pd.DataFrame, label: np.ndarray) -> dict[tuple[str, str], np.ndarray]:
    """(kind, slice) to the images in it, bool (n,); slices with all images are left out.

    Args:
        manifest: the rows of these images, in their order.
        label: int (n,). Folders are left out where they say the same as the labels.

    Kinds are size (quarters by width x height), flag (of clean, and images without any), folder
    (that the file came in; the FOLDERS largest) and format.
    """
    found: dict[tuple[str, str], np.ndarray] = {}
    pixels = manifest["width"].to_numpy(np.int64) * manifest["height"].to_numpy(np.int64)
    limits = np.quantile(pixels, [0.25, 0.5, 0.75])
    quarter = np.searchsorted(limits, pixels, side="left")
    for index in range(4):  # where sizes are equal, a quarter may be empty or hold more
        here = quarter == index
        if here.any():
            least, most = pixels[here].min(), pixels[here].max()
            name = f"{least:,} to {most:,} px" if least < most else f"{least:,} px"
            found["size", name] = here
    flags = manifest[list(FLAGS)].to_numpy(bool)
    found |= {("flag", flag): flags[:, index] for index, flag in enumerate(FLAGS)}
    found["flag", "none"] = ~flags.any(axis=1)
    folder = np.array([str(PurePosixPath(path).parent) for path in manifest["path"]], object)
    pairs = set(zip(folder, label.tolist(), strict=True))
    if not len(pairs) == len(set(folder)) == len(set(label.tolist())):
        names, sizes = np.unique(folder.astype(str), return_counts=True)
        largest = names[np.argsort(-sizes, kind="stable")[:FOLDERS]]
        found |= {("folder", name): folder == name for name in sorted(largest.tolist())}
    kinds = manifest["format"].to_numpy(object)
    found |= {("format", name): kinds == name for name in sorted(set(kinds))}
    return {key: here for key, here in found.items() if 0 < here.sum() < len(label)}


def by_slice(
    right: np.ndarray,
    slices: dict[tuple[str, str], np.ndarray],
    resamples: Resamples,
    confidence: float,
    least: int,
) -> pd.DataFrame:
    """The accuracy of each slice of at least `least` images, worst first: COLUMNS.

    Args:
        right: bool (n,).
        slices: from `assign`.
        resamples: of these images.
        confidence: of the intervals.
        least: smaller slices are left out.
    """
    kept = {key: here for key, here in slices.items() if here.sum() >= least}
    if not kept:
        return pd.DataFrame(columns=COLUMNS)
    whole = sparse.csr_array(np.stack(list(kept.values()))).astype(float)
    part = sparse.csr_array(whole.multiply(right.astype(float)))
    found = shares(part, whole, resamples, confidence)
    rows = [
        {
            "kind": kind,
            "slice": name,
            "n": int(here.sum()),
            "groups": each["groups"],
            "wrong": int((here & ~right).sum()),
            "accuracy": each["value"],
            "accuracy_low": each["low"],
            "accuracy_high": each["high"],
        }
        for ((kind, name), here), each in zip(kept.items(), found, strict=True)
    ]
    table = pd.DataFrame(rows, columns=COLUMNS)
    return table.sort_values(["accuracy", "n"], ascending=[True, False], kind="stable")


def summary(table: pd.DataFrame) -> dict:
    """How many slices there are, and of the worst one n, accuracy and its ends (None for none)."""
    if table.empty:
        return {"reported": 0, "worst": None}
    first = table.iloc[0]
    names = ("accuracy", "accuracy_low", "accuracy_high")
    worst = {name: float(first[name]) for name in names} | {"n": int(first["n"])}
    return {"reported": len(table), "worst": worst}
