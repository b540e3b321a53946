"""Methods of balancing the classes of train: which rows an epoch visits, and their weights."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from imblearn.over_sampling import RandomOverSampler
from imblearn.under_sampling import RandomUnderSampler

from common.errors import StageError
from common.schema import Oversample
from stages.oversample import plots


def every_row(label: np.ndarray, oversample: Oversample, seed: int) -> np.ndarray:
    """Every row once."""
    return np.arange(len(label))


def repeat_to_largest(label: np.ndarray, oversample: Oversample, seed: int) -> np.ndarray:
    """Every row once, then repeats until every class is as large as the largest."""
    return _repeat(label, 1.0, seed)


def repeat_to_ratio(label: np.ndarray, oversample: Oversample, seed: int) -> np.ndarray:
    """Every row once, then repeats until no class is below target_ratio of the largest."""
    return _repeat(label, oversample.target_ratio, seed)


def repeat_for_smote(label: np.ndarray, oversample: Oversample, seed: int) -> np.ndarray:
    """As `repeat_to_largest`; the train stage, which has the features, mixes the repeats.

    Raises:
        StageError: a class to be enlarged has no second image to mix with.
    """
    counts = np.unique(label, return_counts=True)[1]
    if counts.min() == 1 < counts.max():
        raise StageError(
            "Expected at least 2 training images of every class for oversample.method smote, "
            f"which mixes two. Received: 1 of {np.count_nonzero(counts == 1)} classes. Add "
            "images, or choose oversample.method random."
        )
    return repeat_to_largest(label, oversample, seed)


def reduce_to_smallest(label: np.ndarray, oversample: Oversample, seed: int) -> np.ndarray:
    """As many rows of every class as the smallest has, drawn by chance, in ascending order."""
    sampler = RandomUnderSampler(random_state=seed)
    return np.sort(sampler.fit_resample(np.arange(len(label)).reshape(-1, 1), label)[0].ravel())


def _repeat(label: np.ndarray, ratio: float, seed: int) -> np.ndarray:
    """Every row once, then repeats until no class is below `ratio` of the largest."""
    present, counts = np.unique(label, return_counts=True)
    sizes = np.maximum(counts, np.rint(ratio * counts.max()).astype(int))
    target = dict(zip(present.tolist(), sizes.tolist(), strict=True))
    sampler = RandomOverSampler(sampling_strategy=target, random_state=seed)
    return sampler.fit_resample(np.arange(len(label)).reshape(-1, 1), label)[0].ravel()


def equal_weights(label: np.ndarray, n_classes: int) -> np.ndarray:
    """Weight 1 for each class, float32 (n_classes,)."""
    return np.ones(n_classes, np.float32)


def balanced_weights(label: np.ndarray, n_classes: int) -> np.ndarray:
    """Weights with which every class counts the same, float32 (n_classes,).

    n / (k n_c) for class c of k, what scikit-learn calls balanced. The mean over all rows is 1,
    so that the learning rate keeps its meaning.
    """
    counts = np.bincount(label, minlength=n_classes)
    return (len(label) / (n_classes * np.maximum(counts, 1))).astype(np.float32)


class Method(NamedTuple):
    """A value of oversample.method.

    Attributes:
        rows: takes the class of each row, int (n,), the section `oversample` and the seed; gives
            the row numbers of one epoch, int64 (n_samples,).
        class_weights: takes the class of each row and the number of classes; gives the weight of
            each class's loss, float32 (n_classes,).
        bars: how the plot shows what the method does to each class, as in `plots`.
    """

    rows: Callable[[np.ndarray, Oversample, int], np.ndarray]
    class_weights: Callable[[np.ndarray, int], np.ndarray] = equal_weights
    bars: plots.Bars = plots.repeat_bars


METHODS = {  # by oversample.method
    "random": Method(repeat_to_largest),
    "target_ratio": Method(repeat_to_ratio),
    "undersample": Method(reduce_to_smallest, bars=plots.reduction_bars),
    "class_weight": Method(every_row, balanced_weights, plots.weight_bars),
    "smote": Method(repeat_for_smote, bars=plots.smote_bars),
    "none": Method(every_row),
}
