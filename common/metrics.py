"""Classification metrics that are defined for every split, and the scores of single classes."""

import numpy as np
from sklearn import metrics as sk

LEAST = 1e-7  # probabilities below it count as it in the cross-entropy


def averages(y_true: np.ndarray, probabilities: np.ndarray) -> dict:
    """The metrics that are always defined, as means over images or over classes.

    Args:
        y_true: int (n_samples,), at least one.
        probabilities: float (n_samples, n_classes), rows add up to 1.
    """
    y_pred = probabilities.argmax(axis=1)
    n_classes = probabilities.shape[1]
    precision, recall, f1, support, predicted = scores_by_class(y_true, y_pred, n_classes)
    present, used = support > 0, support + predicted > 0
    return {
        "accuracy": float((y_pred == y_true).mean()),
        "balanced_accuracy": float(recall[present].mean()),
        # A class that is never predicted has precision 0 in the mean, as scikit-learn counts it.
        "precision_macro": float(precision[used].mean()),
        "recall_macro": float(recall[used].mean()),
        "f1_macro": float(f1[used].mean()),
        "f1_weighted": float(np.average(f1, weights=support)),
        "loss": cross_entropy(y_true, probabilities),
        "n_examples": len(y_true),
    }


def cross_entropy(y_true: np.ndarray, probabilities: np.ndarray) -> float:
    """Mean of -log of the true class's probability, nats; less than LEAST counts as that."""
    chosen = probabilities[np.arange(len(y_true)), y_true]
    return float(0.0 - np.log(np.clip(chosen, LEAST, 1.0)).mean())  # 0.0 -, or 0 becomes -0


def scores_by_class(
    y_true: np.ndarray, y_pred: np.ndarray, n_classes: int
) -> tuple[np.ndarray, ...]:
    """Precision, recall and F1 (0 where undefined), support and times predicted, (n_classes,)."""
    precision, recall, f1, _ = sk.precision_recall_fscore_support(
        y_true, y_pred, labels=np.arange(n_classes), zero_division=0.0
    )
    support = np.bincount(y_true, minlength=n_classes)
    return precision, recall, f1, support, np.bincount(y_pred, minlength=n_classes)
