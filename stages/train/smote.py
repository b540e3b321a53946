"""SMOTE on the features of a frozen backbone: repeats become mixtures of the maps of two images.

Chawla et al. 2002, "SMOTE: synthetic minority over-sampling technique", section 4.2: a synthetic
sample lies at a random place on the line between a sample and one of its nearest neighbours of
the same class. The vectors here are maps averaged over their positions. Averaging is linear, so
mixing the maps place by place gives the same vectors as mixing the averages; that is why
common/params.py requires a head that averages and no attention before it.
"""

import numpy as np
from sklearn.neighbors import NearestNeighbors

NEIGHBOURS = 5  # as in the paper
BLOCK = 256  # rows of maps in memory at a time


def find_mixtures(
    maps: np.ndarray, label: np.ndarray, rows: np.ndarray, occurrences: np.ndarray, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Chooses for each repeat of a row a neighbour of its class and how far to go towards it.

    imblearn's SMOTE returns vectors and not the samples between which they lie, hence this one.
    Its RandomOverSampler has chosen the repeated rows, just as its SMOTE chooses them.

    Args:
        maps: float16 (n, views, height, width, channels); neighbours are those of the plain view.
        label: int (n,).
        rows: int (n_samples,), repeats included.
        occurrences: int (n_samples,), 0 for each row's first use, which stays as it is.
        seed: of the choice.

    Returns:
        int64 (n_samples,) rows to mix with, and float32 (n_samples,) the share of these, in
        [0, 1); where there is nothing to mix, the row itself and 0.
    """
    partners, shares = rows.copy(), np.zeros(len(rows), np.float32)
    rng = np.random.default_rng(seed)
    for class_index in np.unique(label[rows[occurrences > 0]]):
        repeats = np.flatnonzero((occurrences > 0) & (label[rows] == class_index))
        members = np.flatnonzero(label == class_index)
        search = NearestNeighbors(n_neighbors=min(NEIGHBOURS, len(members) - 1))
        # Without the point itself.
        nearest = search.fit(_pooled(maps, members)).kneighbors(return_distance=False)
        chosen = rng.integers(nearest.shape[1], size=len(repeats))
        partners[repeats] = members[nearest[np.searchsorted(members, rows[repeats]), chosen]]
        shares[repeats] = rng.random(len(repeats), np.float32)
    return partners, shares


def _pooled(maps: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """The plain view's mean over positions, float32 (len(rows), channels)."""
    blocks = [rows[start : start + BLOCK] for start in range(0, len(rows), BLOCK)]
    return np.concatenate([maps[block, 0].astype(np.float32).mean(axis=(1, 2)) for block in blocks])
