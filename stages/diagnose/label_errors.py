"""Likely label errors by confident learning (Northcutt, Jiang & Chuang 2021, JAIR 70)."""

import warnings
from typing import NamedTuple

import numpy as np
import pandas as pd
from cleanlab import filter as cleanlab_filter
from cleanlab import rank as cleanlab_rank
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from common import cli
from stages.diagnose.all_images import AllImages

# Inverse of the penalty. Measured on 2,062 hand signs of ten classes, EfficientNet-Lite0, with 5 %
# of the labels made wrong, two draws: precision and recall of the flagged .42 and .91 with the
# usual 1.0, .49 and .89 with 0.1, .60 and .84 with 0.01, .54 and .78 with 0.001.
STRENGTH = 0.01
ITERATIONS = 300


class LabelIssues(NamedTuple):
    """What confident learning says about each label.

    Attributes:
        assessed: bool (n,); False for classes that are too small.
        flagged: bool (n,), the likely errors, all of them assessed.
        suggested: int64 (n,), the likeliest class but its own; -1 where not assessed.
        quality: float64 (n,), 0 (surely wrong) to 1: (1 + p(label) - p(suggested)) / 2, cleanlab's
            normalised margin; NaN where not assessed.
    """

    assessed: np.ndarray
    flagged: np.ndarray
    suggested: np.ndarray
    quality: np.ndarray


class LabelReview(NamedTuple):
    """The images whose labels were looked at.

    Attributes:
        rows: a row for each image: path, split, label (name), group, image_id, suggested (name),
            p_label, p_suggested, quality, and as bool assessed, flagged, and agrees (the linear
            model gives the label).
        class_names: in the order of the label index.
        large: bool (n_classes,), whether a class is large enough to be assessed.
    """

    rows: pd.DataFrame
    class_names: list[str]
    large: np.ndarray


def review_labels(images: AllImages, limit: int, folds: int, seed: int) -> LabelReview:
    """Looks for label errors among all images.

    Args:
        images: of all splits.
        limit: of the images looked at, drawn by seed where there are more.
        folds: of the cross-validation.
        seed: of the draw and of the folds.
    """
    n, names = len(images.frame), images.class_names
    rows = np.sort(np.random.default_rng(seed).choice(n, min(n, limit), replace=False))
    frame = images.frame.iloc[rows].reset_index(drop=True)
    label, group = frame["label"].to_numpy(), frame["group"].to_numpy()
    large = large_enough(label, group, folds, len(names))
    probabilities = np.zeros((len(rows), len(names)))
    if large.sum() > 1:
        vectors = images.vectors(rows)
        probabilities = out_of_sample(vectors, label, group, len(names), folds, seed)
    issues = find_label_issues(label, probabilities, large)
    if not large.all():
        small = [name for name, is_large in zip(names, large, strict=True) if not is_large]
        listed = ", ".join(small[:5]) + (", ..." if len(small) > 5 else "")
        cli.warn(
            "diagnose",
            f"labels of {len(small)} class(es) were not assessed, for they have fewer groups of "
            f"near copies than there are folds ({folds}): {listed}",
        )
    at, name_of = np.arange(len(rows)), np.array(names, dtype=object)
    columns = {
        "p_label": probabilities[at, label],
        "suggested": name_of[issues.suggested],
        "p_suggested": probabilities[at, issues.suggested],
        "quality": issues.quality,
        "label": name_of[label],
        "assessed": issues.assessed,
        "flagged": issues.flagged,
        "agrees": probabilities.argmax(axis=1) == label,
    }
    return LabelReview(frame.assign(**columns), names, large)


def flagged_rows(review: LabelReview) -> pd.DataFrame:
    """The likely label errors, worst first."""
    return review.rows[review.rows["flagged"]].sort_values(["quality", "path"])


def large_enough(label: np.ndarray, group: np.ndarray, folds: int, n_classes: int) -> np.ndarray:
    """Which classes have a near-duplicate group for each fold, bool (n_classes,).

    A model sees so few images of a smaller class that it would flag them all.
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
    probabilities = np.zeros((len(label), n_classes))
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        # Of classes smaller than the number of folds, which are not assessed.
        warnings.filterwarnings("ignore", message="The least populated class")
        fold_rows = list(splitter.split(vectors, label, group))
    for trained, held_out in cli.progress(fold_rows, "label errors", unit="fold"):
        classes = np.unique(label[trained])
        model = make_pipeline(StandardScaler(), LogisticRegression(C=STRENGTH, max_iter=ITERATIONS))
        # On one thread: the same bytes on any number of cores, and no waiting for busy ones.
        with warnings.catch_warnings(), threadpool_limits(1):
            warnings.simplefilter("ignore", ConvergenceWarning)  # nearly there is good enough
            model.fit(vectors[trained], label[trained])
        probabilities[np.ix_(held_out, classes)] = model.predict_proba(vectors[held_out])
    return probabilities


def find_label_issues(
    label: np.ndarray, probabilities: np.ndarray, large: np.ndarray
) -> LabelIssues:
    """Finds likely label errors, given out-of-sample probabilities.

    Args:
        label: int64 (n,), as given, which may be wrong.
        probabilities: float64 (n, n_classes), as `out_of_sample` gives them.
        large: bool (n_classes,), the classes whose labels are assessed, and that are suggested.
    """
    n = len(label)
    assessed = large[label]
    flagged, suggested = np.zeros(n, bool), np.full(n, -1)
    quality = np.full(n, np.nan)
    classes = np.unique(label[assessed])
    if len(classes) < 2:
        return LabelIssues(np.zeros(n, bool), flagged, suggested, quality)
    # cleanlab wants classes without gaps, each with examples.
    chosen = probabilities[np.ix_(assessed, classes)]
    chosen /= chosen.sum(axis=1, keepdims=True)
    given = np.searchsorted(classes, label[assessed])
    flagged[assessed] = cleanlab_filter.find_label_issues(given, chosen, n_jobs=1)
    quality[assessed] = cleanlab_rank.get_label_quality_scores(
        given, chosen, method="normalized_margin"
    )
    others = chosen.copy()
    others[np.arange(len(given)), given] = -1
    suggested[assessed] = classes[others.argmax(axis=1)]
    return LabelIssues(assessed, flagged, suggested, quality)
