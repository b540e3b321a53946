"""The numbers of metrics/evaluate.json, and the words of the closing line."""

import numpy as np
import pandas as pd

from stages.evaluate.calibration import calibration_scores


def metrics_of(
    scores: dict[str, dict],
    calibration: dict,
    threshold: dict | None,
    abstention: dict,
    slices: pd.DataFrame,
) -> dict:
    """All metrics.

    Args:
        scores: of val and test, as of `classification_report.score_split`.
        calibration: as of `calibration_metrics`.
        threshold: as of `threshold.decide_threshold`.
        abstention: as of `abstention.decide_abstention`.
        slices: as of `slices.by_slice`.
    """
    return scores | {
        "calibration": calibration,
        "threshold": threshold,
        "abstention": abstention,
        "slices": slice_metrics(slices),
    }


def calibration_metrics(
    label: np.ndarray, temperature: float, panels: dict[str, np.ndarray]
) -> dict:
    """The temperature, and loss, brier and ece of test `before` and `after` it.

    Args:
        label: int (n,), of test.
        temperature: of the model, or fitted on val.
        panels: probabilities of test, float (n, n_classes), by when.
    """
    scores = {when: calibration_scores(label, p) for when, p in panels.items()}
    return {"temperature": temperature, "test": scores}


def slice_metrics(slices: pd.DataFrame) -> dict:
    """How many slices there are, and of the worst one n, accuracy and its ends (None for none)."""
    if slices.empty:
        return {"reported": 0, "worst": None}
    first = slices.iloc[0]
    names = ("accuracy", "accuracy_low", "accuracy_high")
    worst = {name: float(first[name]) for name in names} | {"n": int(first["n"])}
    return {"reported": len(slices), "worst": worst}


def summary_of(metrics: dict) -> str:
    """The headline metrics of test with their intervals, for the terminal."""
    test = metrics["test"]
    return (
        f"test ({test['n_examples']:,} images): accuracy {test['accuracy']:.4f} "
        f"({test['accuracy_low']:.4f} to {test['accuracy_high']:.4f}), balanced accuracy "
        f"{test['balanced_accuracy']:.4f}, macro F1 {test['f1_macro']:.4f} "
        f"({test['f1_macro_low']:.4f} to {test['f1_macro_high']:.4f})"
    )
