"""models/decision.json: from which probability on to answer, and with what."""

from pathlib import Path

from common.errors import StageError
from common.files import read_json

DECISION_FILE = "decision.json"
_AGAIN = "Write it again with `dvc repro evaluate`."


def read_decision(path: Path, class_names: list[str]) -> dict:
    """decision.json, checked against the model.

    Raises:
        StageError: it is missing, damaged or of another model.
    """
    if not path.is_file():
        raise StageError(
            f"Expected {path}, which says from which probability on to answer. Received: no such "
            "file. `dvc repro evaluate` writes it; `dvc checkout` brings it back."
        )
    try:
        found = read_json(path)
        missing = {"classes", "positive", "threshold", "abstain_below"} - found.keys()
    except (ValueError, AttributeError) as error:
        raise StageError(f"Expected JSON in {path}. Received: {error}. {_AGAIN}") from None
    if missing:
        raise StageError(f"Expected {', '.join(sorted(missing))} in {path}. {_AGAIN}")
    if found["classes"] != class_names:
        raise StageError(
            f"Expected {path} to be of the model's classes {', '.join(class_names)}. Received: "
            f"{', '.join(map(str, found['classes']))}. {_AGAIN}"
        )
    return found


def decide(probabilities: dict[str, float], rules: dict) -> str | None:
    """The class to act on.

    Args:
        probabilities: class name to probability.
        rules: from `read_decision`.

    Returns:
        None where the likeliest class is less likely than abstain_below. Else the likeliest, or,
        where two classes have a threshold: the positive one from it on, the other one below.
    """
    likeliest = max(probabilities, key=probabilities.get)
    least, positive = rules["abstain_below"], rules["positive"]
    if least is not None and probabilities[likeliest] < least:
        return None
    if positive is None:
        return likeliest
    (other,) = (name for name in probabilities if name != positive)
    return positive if probabilities[positive] >= rules["threshold"] else other
