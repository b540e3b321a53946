"""Metrics of one split: its scores, its confusion matrix, its ROC and PR curves."""

import numpy as np
from sklearn import metrics as sk

from common import cli
from common.metrics import averages, scores_by_class


def evaluate(
    y_true: np.ndarray, probabilities: np.ndarray, class_names: list[str], where: str
) -> dict:
    """The metrics of one split.

    Args:
        y_true: int (n_samples,), index into `class_names`.
        probabilities: float (n_samples, n_classes), rows add up to 1.
        class_names: in the order of the columns.
        where: name of the split, for messages.

    Returns:
        accuracy, balanced_accuracy (mean recall, over the classes present), precision_macro,
        recall_macro, f1_macro (unweighted means over all classes that occur or are predicted),
        f1_weighted, roc_auc and pr_auc (unweighted mean over classes of one class against the
        rest; pr_auc is average precision, without interpolation), mcc (Matthews correlation,
        Gorodkin 2004 for more than two classes), loss (mean cross-entropy, nats), n_examples and
        per_class (precision, recall, f1, support). Undefined is None, with the reason on stderr.
    """
    n_classes = len(class_names)
    if probabilities.shape != (len(y_true), n_classes):
        raise ValueError(
            f"Expected probabilities of shape {(len(y_true), n_classes)}. "
            f"Received: {probabilities.shape}"
        )
    y_pred = probabilities.argmax(axis=1)
    precision, recall, f1, support, predicted = scores_by_class(y_true, y_pred, n_classes)
    per_class = {}
    for index, name in enumerate(class_names):
        row = {
            "precision": precision[index] if predicted[index] else None,
            "recall": recall[index] if support[index] else None,
            # 2 TP / (support + predicted): undefined only where the class is nowhere.
            "f1": f1[index] if support[index] + predicted[index] else None,
            "support": int(support[index]),
        }
        per_class[name] = {
            key: float(value) if isinstance(value, float) else value for key, value in row.items()
        }
        for key in ("precision", "recall", "f1"):
            if row[key] is None:
                cause = "never predicted" if key == "precision" else "without examples"
                cli.warn("evaluate", f"{where}: {key} of class {name!r} is undefined ({cause})")
    one_hot = np.eye(n_classes)[y_true]
    # A ranking takes examples and counterexamples of each class.
    ranked = bool(((support > 0) & (support < len(y_true))).all())
    if not ranked:
        cli.warn("evaluate", f"{where}: roc_auc and pr_auc need every class and are undefined")
    several = np.count_nonzero(support + predicted) > 1
    if not several:
        cli.warn("evaluate", f"{where}: mcc is undefined, with one class everywhere")
    return averages(y_true, probabilities) | {
        "roc_auc": _mean(sk.roc_auc_score, one_hot, probabilities) if ranked else None,
        "pr_auc": _mean(sk.average_precision_score, one_hot, probabilities) if ranked else None,
        "mcc": float(sk.matthews_corrcoef(y_true, y_pred)) if several else None,
        "per_class": per_class,
    }


def confusion_matrix(y_true: np.ndarray, y_pred: np.ndarray, n_classes: int) -> np.ndarray:
    """Counts, int (n_classes, n_classes): true labels down, predicted across."""
    return sk.confusion_matrix(y_true, y_pred, labels=np.arange(n_classes))


def roc_curves(
    y_true: np.ndarray, probabilities: np.ndarray, class_names: list[str]
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Class name to (false positive rate, true positive rate), one class against the rest.

    Classes without examples, or without counterexamples, are left out.
    """
    curves = {}
    for index, name in enumerate(class_names):
        truth = y_true == index
        if truth.any() and not truth.all():
            fpr, tpr, _ = sk.roc_curve(truth, probabilities[:, index])
            curves[name] = (fpr, tpr)
    return curves


def pr_curves(
    y_true: np.ndarray, probabilities: np.ndarray, class_names: list[str]
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Class name to (recall, precision), recall rising; as `roc_curves`."""
    curves = {}
    for index, name in enumerate(class_names):
        truth = y_true == index
        if truth.any() and not truth.all():
            precision, recall, _ = sk.precision_recall_curve(truth, probabilities[:, index])
            curves[name] = (recall[::-1], precision[::-1])
    return curves


def mean_curve(
    curves: dict[str, tuple[np.ndarray, np.ndarray]], points: int = 101
) -> tuple[np.ndarray, np.ndarray]:
    """Unweighted mean of curves over x from 0 to 1, both float (points,).

    Between its points a curve is straight; where it goes straight up or down, its last value
    counts.
    """
    grid = np.linspace(0, 1, points)
    return grid, np.mean([np.interp(grid, x, y) for x, y in curves.values()], axis=0)


def _mean(score, one_hot: np.ndarray, probabilities: np.ndarray) -> float:
    return float(
        np.mean([score(one_hot[:, i], probabilities[:, i]) for i in range(len(one_hot.T))])
    )
