"""Scores of members and ensembles, and the gain of an ensemble over its best member."""

import numpy as np

from common.metrics import averages
from stages.ensemble.revisions import Member

# Metrics that are reported of members and ensembles; larger is better but for the loss.
SCORED = ("accuracy", "balanced_accuracy", "f1_macro", "loss", "n_examples")

BySplit = dict[str, np.ndarray]


def scores_of(y_true: np.ndarray, probabilities: np.ndarray) -> dict:
    """Those metrics of one split that are in SCORED."""
    scores = averages(y_true, probabilities)
    return {name: scores[name] for name in SCORED}


def gain(y_true: np.ndarray, before: np.ndarray, after: np.ndarray) -> dict:
    """By how much `after` is better than `before`: both float (n_samples, n_classes).

    Returns:
        accuracy, balanced_accuracy and f1_macro (differences; above 0 is better), loss_decrease
        (nats; above 0 is better), wrong_to_right and right_to_wrong (numbers of images).
    """
    old, new = scores_of(y_true, before), scores_of(y_true, after)
    was_right, is_right = before.argmax(axis=1) == y_true, after.argmax(axis=1) == y_true
    return {
        name: new[name] - old[name] for name in ("accuracy", "balanced_accuracy", "f1_macro")
    } | {
        "loss_decrease": old["loss"] - new["loss"],
        "wrong_to_right": int((is_right & ~was_right).sum()),
        "right_to_wrong": int((was_right & ~is_right).sum()),
    }


def ensemble_scores(y_true: BySplit, blend: BySplit, best: BySplit) -> dict[str, dict]:
    """The scores of an ensemble, and its gain over its best member, by split.

    Args:
        y_true: labels, int (n,), by split.
        blend: its probabilities, float (n, n_classes), by split.
        best: those of the member that is best on val.
    """
    return {
        split: scores_of(label, blend[split]) | {"gain": gain(label, best[split], blend[split])}
        for split, label in y_true.items()
    }


def member_scores(members: list[Member], weights: dict[str, float], y_true: BySplit) -> dict:
    """commit, weight and the scores of val and test of each member, by its name.

    Args:
        members: all of them.
        weights: in the greedy selection, by name.
        y_true: labels, int (n,), by split.
    """
    return {
        member.name: {"commit": member.commit, "weight": weights[member.name]}
        | {
            split: scores_of(label, member.predictions[split].probabilities)
            for split, label in y_true.items()
        }
        for member in members
    }
