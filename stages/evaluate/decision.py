"""The rules of models/decision.json, by which a server answers."""

from common.schema import Evaluate


def decision_of(
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
