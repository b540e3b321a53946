"""The classification report: all metrics of a split with their intervals, and of each class."""

import numpy as np
import pandas as pd
from sklearn import metrics as sk

from common import cli
from common.metric_names import HEADLINE, PER_CLASS, top_k_name
from stages.evaluate import metrics
from stages.evaluate.calibration import chance_error
from stages.evaluate.intervals import Support, metric_interval
from stages.evaluate.resampling import Resamples, groups_within
from stages.evaluate.scores import Scorer
from stages.evaluate.splits import Split

Row = dict[str, float | None]

ENDS = ("", "_low", "_high")  # of a metric's name: the value, and its interval
AVERAGES = {
    "macro average": ("precision_macro", "recall_macro", "f1_macro"),
    "micro average": ("accuracy",) * 3,  # where each image has one answer, all three are this
}
COLUMNS = [
    *("split", "class", "support"),
    *(f"{name}{end}" for name in PER_CLASS for end in ENDS),
]


def with_intervals(
    y_true: np.ndarray,
    probabilities: np.ndarray,
    resamples: Resamples,
    confidence: float,
    top_k: tuple[int, ...] = (),
) -> tuple[Row, list[Row]]:
    """Metrics with their intervals, by the bootstrap.

    Args:
        y_true: int (n,).
        probabilities: float (n, n_classes).
        resamples: of these images.
        confidence: of the intervals, e.g. 0.95.
        top_k: as of `Scorer`.

    Returns:
        (metrics, classes): name to value, name_low and name_high, None where undefined, of
        HEADLINE and top_<k>_accuracy; and such a dict for each class, of PER_CLASS.
    """
    scorer = Scorer(y_true, probabilities, top_k)
    classes = range(scorer.n_classes)
    values = scorer.scores(np.ones((len(y_true), 1)))
    chunks = [
        scorer.scores(weights) for weights in cli.progress(resamples, "resampling", unit="part")
    ]
    drawn = {name: np.concatenate([chunk[name] for chunk in chunks], axis=-1) for name in values}
    support = Support(
        np.bincount(resamples.stratum, minlength=scorer.n_classes),
        np.array([groups_within(scorer.y_pred == i, resamples.unit) for i in classes]),
        chance_error(probabilities.max(axis=1), resamples.unit),
    )

    def row(name: str, value: float, samples: np.ndarray, support: Support) -> Row:
        names = (name, f"{name}_low", f"{name}_high")
        if np.isnan(value):
            return dict.fromkeys(names)
        ends = metric_interval(name, value, samples, support, confidence)
        return dict(zip(names, (value, *ends), strict=True))

    whole: Row = {}
    for name in (*HEADLINE, *map(top_k_name, scorer.top_k)):
        whole |= row(name, float(values[name][0]), drawn[name], support)
    per_class: list[Row] = [{} for _ in classes]
    for name in PER_CLASS:
        for i in classes:
            value = float(values[name][i, 0])
            per_class[i] |= row(name, value, drawn[name][i], support.of_one(i))
    return whole, per_class


def score_split(
    split: Split, class_names: list[str], name: str, confidence: float, top_k: tuple[int, ...]
) -> tuple[dict, dict]:
    """The metrics of one split, and the report of its classes.

    Args:
        split: with at least one image.
        class_names: in the order of the label index.
        name: of the split, for messages.
        confidence: of the intervals.
        top_k: numbers of guesses; those that are not less than the number of classes are left out.

    Returns:
        (metrics, classes): those of `metrics.evaluate` and brier, ece, roc_auc_micro,
        pr_auc_micro, top_<k>_accuracy, with name_low and name_high for headline metrics; and by
        class precision, recall, f1 with both ends, and support. The metrics keep per_class
        without ends, so that differences between revisions stay readable.
    """
    y_true, probabilities = split.label, split.probabilities
    scores = metrics.evaluate(y_true, probabilities, class_names, name)
    guesses = tuple(sorted(k for k in set(top_k) if k < len(class_names)))
    headline, per_class = with_intervals(
        y_true, probabilities, split.resamples, confidence, guesses
    )
    classes = {
        class_name: row | ends | {"support": row["support"]}
        for (class_name, row), ends in zip(scores["per_class"].items(), per_class, strict=True)
    }
    if sum(row["support"] for row in classes.values()) != len(y_true):
        raise AssertionError(f"not each of {len(y_true)} images of {name} was counted once")
    truth = np.eye(len(class_names), dtype=bool)[y_true].ravel()
    micro = {
        "roc_auc_micro": float(sk.roc_auc_score(truth, probabilities.ravel())),
        "pr_auc_micro": float(sk.average_precision_score(truth, probabilities.ravel())),
    }
    return headline | scores | micro, classes


def report_table(classes: dict[str, dict], scores: dict[str, dict]) -> pd.DataFrame:
    """The report as a table, COLUMNS: a row per split and class, then its averages.

    Args:
        classes: split to the classes of `score_split`.
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
