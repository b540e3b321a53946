"""Summary of the stage: the numbers of its metrics file and the words of its closing line."""

import numpy as np


def metrics_of(best: str, members: dict[str, dict], ensembles: dict[str, dict]) -> dict:
    """The content of the stage's metrics file.

    Args:
        best: name of the member that is best on val.
        members: from `scores.member_scores`.
        ensembles: by name, average and greedy, from `scores.ensemble_scores`.
    """
    return {"best_on_val": best, "members": members} | ensembles


def summary_of(metrics: dict, shares: np.ndarray) -> str:
    """The stage's closing line: the greedy selection on test against the best member.

    Args:
        metrics: from `metrics_of`.
        shares: the weights of the members that the selection chose from.
    """
    test = metrics["greedy"]["test"]
    gain = test["gain"]
    return (
        f"{len(shares)} members, {np.count_nonzero(shares)} with a weight; test accuracy "
        f"{test['accuracy']:.4f}, {gain['accuracy']:+.4f} over {metrics['best_on_val']} "
        f"({gain['wrong_to_right']} images turn right, {gain['right_to_wrong']} wrong)"
    )
