"""The classification report: metrics with their intervals, as JSON and as a table."""

import numpy as np
import pandas as pd
from sklearn import metrics as sk

from common import metrics
from stages.evaluate.decisions import Split
from stages.evaluate.intervals import Judged
from stages.evaluate.scores import PER_CLASS

ENDS = ("", "_low", "_high")  # of a metric's name: the value, and its interval
AVERAGES = {
    "macro average": ("precision_macro", "recall_macro", "f1_macro"),
    "micro average": ("accuracy",) * 3,  # where each image has one answer, all three are this
}
COLUMNS = [
    *("split", "class", "support"),
    *(f"{name}{end}" for name in PER_CLASS for end in ENDS),
]


def judge_split(
    split: Split, class_names: list[str], where: str, confidence: float, top_k: tuple[int, ...]
) -> tuple[dict, dict]:
    """The metrics of one split, and the report of its classes.

    Returns:
        (metrics, classes): those of `metrics.evaluate` and brier, ece, roc_auc_micro,
        pr_auc_micro, top_<k>_accuracy, with name_low and name_high for headline metrics; and by
        class precision, recall, f1 with both ends, and support. The metrics keep per_class
        without ends, so that differences between revisions stay readable.
    """
    y_true, probabilities = split.label, split.probabilities
    found = metrics.evaluate(y_true, probabilities, class_names, where)
    asked = tuple(sorted(k for k in set(top_k) if k < len(class_names)))
    judged = Judged(y_true, probabilities, split.resamples, confidence, asked)
    classes = {
        name: row | ends | {"support": row["support"]}
        for (name, row), ends in zip(found["per_class"].items(), judged.per_class, strict=True)
    }
    truth = np.eye(len(class_names), dtype=bool)[y_true].ravel()
    micro = {
        "roc_auc_micro": float(sk.roc_auc_score(truth, probabilities.ravel())),
        "pr_auc_micro": float(sk.average_precision_score(truth, probabilities.ravel())),
    }
    return judged.metrics | found | micro, classes


def report_table(classes: dict[str, dict], scores: dict[str, dict]) -> pd.DataFrame:
    """The report as a table, COLUMNS: a row per split and class, then its averages.

    Args:
        classes: split to the classes of `judge_split`.
        scores: split to its metrics.
    """
    rows = []
    for split, by_class in classes.items():
        rows += [{"split": split, "class": name} | row for name, row in by_class.items()]
        for average, names in AVERAGES.items():
            row = {"split": split, "class": average, "support": scores[split]["n_examples"]}
            for column, name in zip(PER_CLASS, names, strict=True):
                row |= {f"{column}{end}": scores[split][f"{name}{end}"] for end in ENDS}
            rows.append(row)
    return pd.DataFrame(rows)[COLUMNS]
