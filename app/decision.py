"""Decision rule of a model: threshold and abstention, read from models/decision.json."""

from pathlib import Path

from common.errors import StageError
from common.files import read_json

DECISION_FILE = "decision.json"
_REWRITE = "Write it again with `dvc repro evaluate`."


def read_decision(path: Path, class_names: list[str]) -> dict:
    """Reads decision.json and checks it against the model.

    Args:
        path: of decision.json.
        class_names: the model's.

    Returns:
        classes; positive and threshold (null unless there are two classes); abstain_below (null
        where the model never abstains); and what else evaluate has written.

    Raises:
        StageError: it is missing, damaged or belongs to another model.
    """
    if not path.is_file():
        raise StageError(
            f"Expected {path}, which says from which probability on to answer. Received: no such "
            "file. `dvc repro evaluate` writes it; `dvc checkout` brings it back."
        )
    try:
        rule = read_json(path)
        missing = {"classes", "positive", "threshold", "abstain_below"} - rule.keys()
    except (ValueError, AttributeError) as error:
        raise StageError(f"Expected JSON in {path}. Received: {error}. {_REWRITE}") from None
    if missing:
        raise StageError(f"Expected {', '.join(sorted(missing))} in {path}. {_REWRITE}")
    if rule["classes"] != class_names:
        raise StageError(
            f"Expected {path} to have the model's classes {', '.join(class_names)}. Received: "
            f"{', '.join(map(str, rule['classes']))}. {_REWRITE}"
        )
    return rule


def decide(probabilities: dict[str, float], rule: dict) -> str | None:
    """The class to act on.

    Args:
        probabilities: class name to probability.
        rule: from `read_decision`.

    Returns:
        None where the largest probability is below abstain_below. Otherwise the likeliest class;
        with a positive class, that one if its probability reaches the threshold, else the other.
    """
    likeliest = max(probabilities, key=probabilities.get)
    abstain_below, positive = rule["abstain_below"], rule["positive"]
    if abstain_below is not None and probabilities[likeliest] < abstain_below:
        return None
    if positive is None:
        return likeliest
    (negative,) = (name for name in probabilities if name != positive)
    return positive if probabilities[positive] >= rule["threshold"] else negative
