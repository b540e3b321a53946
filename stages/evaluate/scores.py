"""All metrics of one set of predictions under many weightings of its images at once.

A bootstrap sample is a vector of weights, so a thousand of them are one matrix, and each metric
is sums of its rows. Column by column the numbers are those of `metrics.evaluate` and of
scikit-learn with `sample_weight`.
"""

import numpy as np
from scipy import sparse

from common.metric_names import top_k_name
from common.metrics import LEAST
from stages.evaluate.calibration import BINS, bins_of


class Scorer:
    """Metrics of one set of predictions under any weights of its images.

    Attributes:
        n_classes: number of classes.
        y_pred: int (n,), the likeliest class.
        top_k: the numbers of guesses for which `scores` gives top_<k>_accuracy.
    """

    def __init__(
        self,
        y_true: np.ndarray,
        probabilities: np.ndarray,
        top_k: tuple[int, ...] = (),
        areas: bool = True,
    ):
        """Args:
        y_true: int (n,).
        probabilities: float (n, n_classes), rows add up to 1.
        top_k: numbers of guesses, each less than n_classes.
        areas: whether areas under curves are computed, which takes longest; else they are NaN.
        """
        n, self.n_classes = probabilities.shape
        self.y_pred = probabilities.argmax(axis=1)
        self.top_k = tuple(top_k)
        cells = y_true * self.n_classes + self.y_pred
        self.cells = _indicator(cells, self.n_classes**2)
        chosen = probabilities[np.arange(n), y_true]
        squares = (probabilities**2).sum(axis=1) - 2 * chosen + 1
        confidence = probabilities.max(axis=1)
        gap = (self.y_pred == y_true) - confidence
        self.gaps = _indicator(bins_of(confidence), BINS, gap)
        # The place of the true class among the guesses; of equally likely classes the first in the
        # order of the labels counts as likelier, as in argmax.
        before = np.arange(self.n_classes) < y_true[:, None]
        above = probabilities > chosen[:, None]
        rank = (above | ((probabilities == chosen[:, None]) & before)).sum(axis=1)
        means = [-np.log(np.clip(chosen, LEAST, 1.0)), squares, *(rank < k for k in self.top_k)]
        self.means = np.stack(means).astype(float)
        support = np.bincount(y_true, minlength=self.n_classes)
        self.rankings = None
        if areas and bool((support > 0).all() and (support < n).all()):
            classes = range(self.n_classes)
            self.rankings = [_Ranking(y_true == i, probabilities[:, i]) for i in classes]

    def scores(self, weights: np.ndarray) -> dict[str, np.ndarray]:
        """The metrics under each column of weights.

        Args:
            weights: float (n, samples), none negative.

        Returns:
            HEADLINE of `common.metric_names` and top_<k>_accuracy, each (samples,), and its
            PER_CLASS, each (n_classes, samples); what is undefined is NaN.
        """
        n = self.n_classes
        total = weights.sum(axis=0)
        means = (self.means @ weights) / total
        areas = np.full((2, weights.shape[1]), np.nan)
        if self.rankings is not None:
            areas = np.mean([ranking.areas(weights) for ranking in self.rankings], axis=0)
        return from_confusion((self.cells @ weights).reshape(n, n, -1)) | {
            "loss": means[0],
            "brier": means[1],
            **{top_k_name(k): row for k, row in zip(self.top_k, means[2:], strict=True)},
            "ece": np.abs(self.gaps @ weights).sum(axis=0) / total,
            "roc_auc": areas[0],
            "pr_auc": areas[1],
        }


def from_confusion(matrix: np.ndarray) -> dict[str, np.ndarray]:
    """The metrics that follow from confusion matrices.

    Args:
        matrix: float (n_classes, n_classes, samples), weights by true and predicted class.

    Returns:
        As `Scorer.scores`, without areas, loss and calibration. Averages over classes leave out
        the same classes as `metrics.evaluate`.
    """
    right = np.einsum("iis->is", matrix)
    support, predicted = matrix.sum(axis=1), matrix.sum(axis=0)
    total = support.sum(axis=0)
    precision, recall = _ratio(right, predicted), _ratio(right, support)
    f1 = _ratio(2 * right, support + predicted)
    present, used = support > 0, support + predicted > 0
    # Gorodkin 2004, "Comparing two K-category assignments by a K-category correlation
    # coefficient", in the form of scikit-learn.
    covariance = right.sum(axis=0) * total - (support * predicted).sum(axis=0)
    spread = (total**2 - (predicted**2).sum(axis=0)) * (total**2 - (support**2).sum(axis=0))
    with np.errstate(divide="ignore", invalid="ignore"):
        mcc = np.where(spread > 1e-9 * total**4, covariance / np.sqrt(np.abs(spread)), 0.0)
    return {
        "precision": precision,
        "recall": recall,
        "f1": f1,
        "accuracy": right.sum(axis=0) / total,
        "balanced_accuracy": _mean(recall, present),
        "precision_macro": _mean(precision, used),
        "recall_macro": _mean(recall, used),
        "f1_macro": _mean(f1, used),
        "f1_weighted": (np.nan_to_num(f1) * support).sum(axis=0) / total,
        "mcc": np.where(used.sum(axis=0) > 1, mcc, np.nan),
    }


class _Ranking:
    """Areas under the ROC and the precision-recall curve of one class, from one sort."""

    def __init__(self, truth: np.ndarray, score: np.ndarray):
        self.order = np.argsort(-score, kind="stable")
        ordered = score[self.order]
        ends = np.flatnonzero(np.append(np.diff(ordered) != 0, True))  # last image of each tie
        block = np.repeat(np.arange(len(ends)), np.diff(ends, prepend=-1))
        positive = np.flatnonzero(truth[self.order])
        # Blocks of equal scores that hold a positive, and where each begins and ends.
        held, self.starts = np.unique(block[positive], return_index=True)
        self.positive = self.order[positive]
        self.last = ends[held]
        self.first = np.where(held > 0, ends[held - 1], -1)

    def areas(self, weights: np.ndarray) -> np.ndarray:
        """(ROC area, average precision) under each column of weights, (2, samples)."""
        sums = np.cumsum(weights[self.order], axis=0)
        total = sums[-1]
        upto = sums[self.last]
        before = np.where(self.first[:, None] >= 0, sums[self.first], 0.0)
        gained = np.add.reduceat(weights[self.positive], self.starts, axis=0)
        reached = np.cumsum(gained, axis=0)  # positives that score as high or higher
        positives = reached[-1]
        above = before - (reached - gained)  # negatives that score higher
        tied = (upto - before) - gained
        below = (total - positives) - above - tied
        roc = (gained * (below + 0.5 * tied)).sum(axis=0)
        precision = _ratio(reached, upto)
        average = (gained * np.nan_to_num(precision)).sum(axis=0)
        return np.stack([_ratio(roc, positives * (total - positives)), _ratio(average, positives)])


def _indicator(row: np.ndarray, rows: int, values: np.ndarray | None = None) -> sparse.csr_array:
    """Sparse (rows, n): `values`, or ones, at (row[i], i)."""
    n = len(row)
    values = np.ones(n) if values is None else values.astype(float)
    return sparse.csr_array((values, (row, np.arange(n))), shape=(rows, n))


def _ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """Their quotient, NaN where the denominator is 0."""
    defined = denominator > 0
    return np.where(defined, numerator / np.where(defined, denominator, 1), np.nan)


def _mean(values: np.ndarray, member: np.ndarray) -> np.ndarray:
    """Mean over the classes in `member`; undefined values count as 0, as in scikit-learn."""
    return (np.nan_to_num(values) * member).sum(axis=0) / np.maximum(member.sum(axis=0), 1)
