"""Bootstrap resampling: whole groups of near copies are drawn, within each class."""

from collections.abc import Iterator

import numpy as np

VALUES = 4_000_000  # weights held in memory at once, 8 bytes each


class Resamples:
    """Weights of images in bootstrap samples; each pass over it gives the same ones.

    Stratified by label, because the split has fixed how many images of each class there are;
    by whole groups, because near copies are right or wrong together (Field & Welsh 2007,
    "Bootstrapping clustered data", for clusters). Of the G groups of a class G - 1 are drawn with
    replacement, each with the weight G / (G - 1): so the variance of a mean is estimated without
    bias also where groups are few, which that of G draws is not (Rao & Wu 1988, "Resampling
    inference with complex survey data", section 2; McCarthy & Snowden 1985). A class of one group
    keeps the weight 1 and shows no variance.

    Attributes:
        n: number of images.
        groups: number of groups; one with images of several classes counts once in each.
        unit: int64 (n,), which of these groups each image is of.
        stratum: int64 (groups,), the label of each.
    """

    def __init__(self, label: np.ndarray, group: np.ndarray, count: int, seed: int):
        """Args:
        label: int (n,).
        group: int (n,), equal for near copies.
        count: of bootstrap samples.
        seed: equal seeds draw equal samples.
        """
        pairs, unit = np.unique(np.stack([label, group]), axis=1, return_inverse=True)
        self.unit = unit.reshape(-1)
        self.stratum = pairs[0]
        self.n, self.groups = len(label), pairs.shape[1]
        self.count, self.seed = count, seed
        self.size = int(np.clip(VALUES // max(1, self.n), 1, 256))  # samples in a chunk

    def __len__(self) -> int:
        return -(-self.count // self.size)

    def __iter__(self) -> Iterator[np.ndarray]:
        """Yields weights, float64 (n, samples), until `count` samples have been drawn."""
        rng = np.random.default_rng(self.seed)
        starts = np.flatnonzero(np.diff(self.stratum, prepend=-1))  # strata are sorted
        ends = np.append(starts[1:], self.groups)
        for first in range(0, self.count, self.size):
            samples = min(self.size, self.count - first)
            weights = np.ones((self.groups, samples))
            for start, end in zip(starts, ends, strict=True):
                total = end - start
                if total > 1:
                    drawn = rng.integers(0, total, (total - 1, samples))
                    drawn = drawn * samples + np.arange(samples)
                    counts = np.bincount(drawn.ravel(), minlength=total * samples)
                    weights[start:end] = counts.reshape(total, samples) * (total / (total - 1))
            yield weights if self.groups == self.n and self._in_order() else weights[self.unit]

    def _in_order(self) -> bool:
        return bool((self.unit == np.arange(self.n)).all())


def groups_within(member: np.ndarray, unit: np.ndarray) -> int:
    """How many different groups the chosen images are of: bool (n,) and int (n,)."""
    return len(np.unique(unit[member]))
