"""The registry of metrics: name in metrics/*.json, words for people, kind of interval.

Names alone, without the libraries that compute them: the report and the server show metrics, too.
"""

import re
from typing import NamedTuple


class Metric(NamedTuple):
    """What is known of a metric besides its value.

    Attributes:
        words: for people.
        interval: how its interval is made, a key of INTERVALS in `stages.evaluate.intervals`; None:
            it has none.
        headline: whether evaluate reports it with its interval for each split.
        per_class: whether evaluate reports it with its interval for each class.
        fraction: whether it lies between 0 and 1.
    """

    words: str
    interval: str | None = None
    headline: bool = False
    per_class: bool = False
    fraction: bool = True


METRICS = {
    "accuracy": Metric("Accuracy", "share", headline=True),
    "balanced_accuracy": Metric("Balanced accuracy", "class_mean", headline=True),
    "precision_macro": Metric("Precision, macro", "class_mean", headline=True),
    "recall_macro": Metric("Recall, macro", "class_mean", headline=True),
    "f1_macro": Metric("F1, macro", "class_mean", headline=True),
    "f1_weighted": Metric("F1, weighted", "share", headline=True),
    "roc_auc": Metric("ROC area", "ranking", headline=True),
    "pr_auc": Metric("PR area (average precision)", "ranking", headline=True),
    "mcc": Metric("Matthews correlation", "correlation", headline=True, fraction=False),
    "loss": Metric("Loss (nats)", "positive", headline=True, fraction=False),
    "brier": Metric("Brier score", "positive", headline=True, fraction=False),
    "ece": Metric("Expected calibration error", "calibration_error", headline=True),
    "roc_auc_micro": Metric("ROC area, micro"),
    "pr_auc_micro": Metric("PR area, micro"),
    "n_examples": Metric("Pictures", fraction=False),
    # In lower case: they head the columns of tables.
    "precision": Metric("precision", "class_precision", per_class=True),
    "recall": Metric("recall", "class_recall", per_class=True),
    "f1": Metric("F1", "class_f1", per_class=True),
}
HEADLINE = tuple(name for name, metric in METRICS.items() if metric.headline)
PER_CLASS = tuple(name for name, metric in METRICS.items() if metric.per_class)


def top_k_name(k: int) -> str:
    """The name of the share of images whose true class is among the k likeliest."""
    return f"top_{k}_accuracy"


def metric_of(name: str) -> Metric | None:
    """The metric of that name, one of METRICS or top_<k>_accuracy; None: there is none."""
    if name in METRICS:
        return METRICS[name]
    top_k = re.fullmatch(r"top_([1-9]\d*)_accuracy", name)
    if top_k:
        return Metric(f"top {top_k[1]} accuracy", "share", headline=True)
    return None
