"""Likely label errors by confident learning (Northcutt, Jiang & Chuang 2021, JAIR 70)."""

import warnings
from typing import NamedTuple

import numpy as np
from cleanlab.filter import find_label_issues
from cleanlab.rank import get_label_quality_scores
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from common import cli

# Inverse of the penalty. Measured on 2,062 hand signs of ten classes, EfficientNet-Lite0, 5 % of
# labels turned, two draws: precision and recall of the flagged .42 and .91 with the usual 1.0,
# .49 and .89 with 0.1, .60 and .84 with 0.01, .54 and .78 with 0.001.
STRENGTH = 0.01
ITERATIONS = 300


class Doubts(NamedTuple):
    """What confident learning says about each image.

    Attributes:
        judged: bool (n,); False for classes that are too small.
        flagged: bool (n,), the likely errors, judged all of them.
        suggested: int64 (n,), the likeliest class but its own; -1 where not judged.
        quality: float64 (n,), 0 (surely wrong) to 1: (1 + p(label) - p(suggested)) / 2, cleanlab's
            normalised margin; NaN where not judged.
    """

    judged: np.ndarray
    flagged: np.ndarray
    suggested: np.ndarray
    quality: np.ndarray


def large_enough(label: np.ndarray, group: np.ndarray, folds: int, n_classes: int) -> np.ndarray:
    """Which classes have a near-duplicate group for each fold, bool (n_classes,).

    Of smaller ones a model sees so little that it would doubt them all.
    """
    pairs = np.unique(np.stack([label, group]), axis=1)
    return np.bincount(pairs[0], minlength=n_classes) >= folds


def out_of_sample(
    vectors: np.ndarray,
    label: np.ndarray,
    group: np.ndarray,
    n_classes: int,
    folds: int,
    seed: int,
) -> np.ndarray:
    """Probabilities of a linear model that has never seen the image, nor a near copy of it.

    Each fold's model is a logistic regression on standardised vectors.

    Args:
        vectors: float (n, channels), all finite.
        label: int64 (n,), below n_classes.
        group: int64 (n,), equal for near copies.
        n_classes: number of columns.
        folds: at least 2; some class has as many groups.
        seed: of the dealing into folds.

    Returns:
        float64 (n, n_classes), rows add up to 1; 0 for classes that a fold's model did not see.
    """
    found = np.zeros((len(label), n_classes))
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        # Of classes smaller than the number of folds, which are not judged.
        warnings.filterwarnings("ignore", message="The least populated class")
        parts = list(splitter.split(vectors, label, group))
    for seen, held_out in cli.progress(parts, "label errors", unit="fold"):
        classes = np.unique(label[seen])
        model = make_pipeline(StandardScaler(), LogisticRegression(C=STRENGTH, max_iter=ITERATIONS))
        # On one thread: the same bytes on any number of cores, and no waiting for busy ones.
        with warnings.catch_warnings(), threadpool_limits(1):
            warnings.simplefilter("ignore", ConvergenceWarning)  # nearly there is good enough
            model.fit(vectors[seen], label[seen])
        found[np.ix_(held_out, classes)] = model.predict_proba(vectors[held_out])
    return found


def find(label: np.ndarray, probabilities: np.ndarray, enough: np.ndarray) -> Doubts:
    """Which labels are likely wrong, given out-of-sample probabilities.

    Args:
        label: int64 (n,), as given, which may be wrong.
        probabilities: float64 (n, n_classes), as `out_of_sample` gives them.
        enough: bool (n_classes,), the classes whose images are judged, and that are suggested.
    """
    n = len(label)
    judged = enough[label]
    flagged, suggested = np.zeros(n, bool), np.full(n, -1)
    quality = np.full(n, np.nan)
    classes = np.unique(label[judged])
    if len(classes) < 2:
        return Doubts(np.zeros(n, bool), flagged, suggested, quality)
    # cleanlab wants classes without gaps, each with examples.
    chosen = probabilities[np.ix_(judged, classes)]
    chosen /= chosen.sum(axis=1, keepdims=True)
    given = np.searchsorted(classes, label[judged])
    flagged[judged] = find_label_issues(given, chosen, n_jobs=1)
    quality[judged] = get_label_quality_scores(given, chosen, method="normalized_margin")
    others = chosen.copy()
    others[np.arange(len(given)), given] = -1
    suggested[judged] = classes[others.argmax(axis=1)]
    return Doubts(judged, flagged, suggested, quality)
