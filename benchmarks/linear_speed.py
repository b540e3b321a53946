"""The linear model, with its strength by cross-validation, against one fit of scikit-learn."""

import numpy as np
from sklearn.linear_model import LogisticRegression

from benchmarks.timing import Row, by_turns
from stages.train.linear_model import PATH, fit_linear_model

VECTORS, CHANNELS, CLASSES = 10_000, 1_280, 10


def vectors(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Vectors whose variance falls along their axes as that of pooled maps does, and classes."""
    rng = np.random.default_rng(seed)
    label = np.arange(VECTORS) % CLASSES
    spread = 1 / np.arange(1, CHANNELS + 1) ** 0.7
    mixed = np.linalg.qr(rng.normal(size=(CHANNELS, CHANNELS)))[0]
    centres = rng.normal(size=(CLASSES, CHANNELS)) * spread
    points = (centres[label] + 2 * rng.normal(size=(VECTORS, CHANNELS)) * spread) @ mixed
    return points.astype(np.float32), label


def measure(rounds: int = 3) -> list[Row]:
    """Rows of the table."""
    points, label = vectors()
    group, weights = np.arange(VECTORS), np.full(VECTORS, 1 / VECTORS)
    chosen = {}

    def ours() -> None:
        model = fit_linear_model(points[:, None], label, group, weights, CLASSES, 1)
        chosen["l2"] = model.l2

    def theirs() -> None:
        standardised = (points - points.mean(axis=0)) / points.std(axis=0)
        strength = chosen.get("l2", PATH[len(PATH) // 2])
        # Their penalty is 1 / (2 C) beside the sum of the losses; so many steps end it.
        LogisticRegression(C=1 / (strength * VECTORS), max_iter=2000).fit(standardised, label)

    times = by_turns({"ours": ours, "theirs": theirs}, rounds)
    return [
        Row(
            "linear model, path of L2 with 5 folds, 10,000 x 1,280",
            "scikit-learn's lbfgs, one fit",
            times["ours"],
            times["theirs"],
            "s",
            times["theirs"] / times["ours"],
            1.0,
        )
    ]
