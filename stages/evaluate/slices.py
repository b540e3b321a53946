"""Slices of the test set: its accuracy by size, flag, folder and format of the images.

Slices overlap, and with many of them some look bad by chance: the intervals are of one slice each.
"""

from pathlib import PurePosixPath

import numpy as np
import pandas as pd
from scipy import sparse

from common.tables.manifest import FLAGS
from stages.evaluate.intervals import share_intervals
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
    slices: dict[tuple[str, str], np.ndarray] = {}
    pixels = manifest["width"].to_numpy(np.int64) * manifest["height"].to_numpy(np.int64)
    limits = np.quantile(pixels, [0.25, 0.5, 0.75])
    quarter = np.searchsorted(limits, pixels, side="left")
    for index in range(4):  # where sizes are equal, a quarter may be empty or hold more
        member = quarter == index
        if member.any():
            least, most = pixels[member].min(), pixels[member].max()
            name = f"{least:,} to {most:,} px" if least < most else f"{least:,} px"
            slices["size", name] = member
    flags = manifest[list(FLAGS)].to_numpy(bool)
    slices |= {("flag", flag): flags[:, index] for index, flag in enumerate(FLAGS)}
    slices["flag", "none"] = ~flags.any(axis=1)
    folder = np.array([str(PurePosixPath(path).parent) for path in manifest["path"]], object)
    pairs = set(zip(folder, label.tolist(), strict=True))
    if not len(pairs) == len(set(folder)) == len(set(label.tolist())):
        names, sizes = np.unique(folder.astype(str), return_counts=True)
        largest = names[np.argsort(-sizes, kind="stable")[:FOLDERS]]
        slices |= {("folder", name): folder == name for name in sorted(largest.tolist())}
    kinds = manifest["format"].to_numpy(object)
    slices |= {("format", name): kinds == name for name in sorted(set(kinds))}
    return {key: member for key, member in slices.items() if 0 < member.sum() < len(label)}


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
    kept = {key: member for key, member in slices.items() if member.sum() >= least}
    if not kept:
        return pd.DataFrame(columns=COLUMNS)
    images = sparse.csr_array(np.stack(list(kept.values()))).astype(float)
    hits = sparse.csr_array(images.multiply(right.astype(float)))
    intervals = share_intervals(hits, images, resamples, confidence)
    rows = [
        {
            "kind": kind,
            "slice": name,
            "n": int(member.sum()),
            "groups": interval["groups"],
            "wrong": int((member & ~right).sum()),
            "accuracy": interval["value"],
            "accuracy_low": interval["low"],
            "accuracy_high": interval["high"],
        }
        for ((kind, name), member), interval in zip(kept.items(), intervals, strict=True)
    ]
    table = pd.DataFrame(rows, columns=COLUMNS)
    return table.sort_values(["accuracy", "n"], ascending=[True, False], kind="stable")
