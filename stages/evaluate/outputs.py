"""The numbers of metrics/evaluate.json, the rules of models/decision.json, and the last words."""

import numpy as np
import pandas as pd

from common.schema import Evaluate
from stages.evaluate.calibration import calibration_scores


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


def decision(
    class_names: list[str],
    positive: int | None,
    threshold: dict | None,
    abstention: dict,
    rules: Evaluate,
) -> dict:
    """What a server needs beside the model, on the probabilities that the model gives.

    Returns:
        classes; positive, threshold and rule (None: the likeliest class is the answer; else
        positive, from the threshold on); abstain_below (None: every image is answered; else
        none whose likeliest class is less likely) and abstain_target.
    """
    chosen = threshold is not None
    return {
        "classes": class_names,
        "positive": class_names[positive] if chosen else None,
        "threshold": threshold["threshold"] if chosen else None,
        "rule": rules.threshold.rule if chosen else None,
        "abstain_below": abstention["least_confidence"],
        "abstain_target": rules.abstain,
    }


def summary_line(test: dict) -> str:
    """The headline metrics of test with their intervals, for the terminal."""
    return (
        f"test ({test['n_examples']:,} images): accuracy {test['accuracy']:.4f} "
        f"({test['accuracy_low']:.4f} to {test['accuracy_high']:.4f}), balanced accuracy "
        f"{test['balanced_accuracy']:.4f}, macro F1 {test['f1_macro']:.4f} "
        f"({test['f1_macro_low']:.4f} to {test['f1_macro_high']:.4f})"
    )
