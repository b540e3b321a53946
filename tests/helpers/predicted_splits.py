"""Small predicted splits of two classes, as the stage evaluate opens them."""

import numpy as np

from stages.evaluate.resampling import Resamples
from stages.evaluate.splits import Split


def split_of(label: list[int], second: list[float]) -> Split:
    """A split of single images with these labels and probabilities of the second class."""
    label, second = np.array(label), np.array(second)
    path = np.array([f"{i}.jpg" for i in range(len(label))], object)
    resamples = Resamples(label, np.arange(len(label)), 200, 0)
    return Split(path, label, np.c_[1 - second, second], resamples)


VAL = split_of([0, 0, 0, 1, 1], [0.1, 0.2, 0.3, 0.4, 0.9])
TEST = split_of([0, 0, 0, 1, 1], [0.1, 0.2, 0.45, 0.4, 0.9])
BOTH = {"val": VAL, "test": TEST}
