"""The metrics of predictions: name in metrics/*.json, words for people, kind of interval.

Names alone, without the libraries that compute them: the server shows metrics, too.
"""

from typing import NamedTuple


class Metric(NamedTuple):
    """What is known of a metric besides its value.

    Attributes:
        words: for people.
        interval: how its interval is made (`stages.evaluate.intervals`); None: it has none.
            share: of images that are right. class_mean: a mean over classes. ranking: an area
            under a curve, a mean over classes. correlation: from -1 to 1. positive: above 0,
            without a largest value. calibration_error: biased upwards in small sets.
        headline: whether evaluate reports it with its interval for each split.
    """

    words: str
    interval: str | None = None
    headline: bool = False


METRICS = {
    "accuracy": Metric("Accuracy", "share", True),
    "balanced_accuracy": Metric("Balanced accuracy", "class_mean", True),
    "precision_macro": Metric("Precision, macro", "class_mean", True),
    "recall_macro": Metric("Recall, macro", "class_mean", True),
    "f1_macro": Metric("F1, macro", "class_mean", True),
    "f1_weighted": Metric("F1, weighted", "share", True),
    "roc_auc": Metric("ROC area", "ranking", True),
    "pr_auc": Metric("PR area (average precision)", "ranking", True),
    "mcc": Metric("Matthews correlation", "correlation", True),
    "loss": Metric("Loss (nats)", "positive", True),
    "brier": Metric("Brier score", "positive", True),
    "ece": Metric("Expected calibration error", "calibration_error", True),
    "n_examples": Metric("Pictures"),
    "precision": Metric("Precision", "share"),
    "recall": Metric("Recall", "share"),
    "f1": Metric("F1", "share"),
}
