"""The linear model, with its strength by cross-validation, against one fit of scikit-learn."""

import cv2
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from benchmarks.timing import Row, by_turns
from networks.backbones.build import build_backbone
from networks.engine import FLOAT32, choose_engine, frozen_backbone
from stages.train.linear_model import PATH, fit_linear_model

VECTORS, CLASSES, SIDE = 10_000, 10, 64
SHARE = 0.2  # of the class in an image


def vectors() -> tuple[np.ndarray, np.ndarray]:
    """Pooled maps of images in soft colours that are a little those of their class, and classes.

    Of a real network: made-up vectors, whose channels are independent, are far easier to fit.
    """
    rng = np.random.default_rng(0)
    label = np.arange(VECTORS) % CLASSES
    of_class, own = rng.random((CLASSES, 6, 6, 3)), rng.random((VECTORS, 6, 6, 3))
    grids = (255 * (SHARE * of_class[label] + (1 - SHARE) * own)).astype(np.uint8)
    images = np.stack([cv2.resize(grid, (SIDE, SIDE)) for grid in grids])
    backbone = build_backbone("efficientnet_lite0", (SIDE, SIDE), "imagenet")
    engine = choose_engine("auto", FLOAT32, ["efficientnet_lite0"], "bench")
    (maps,) = frozen_backbone(backbone, engine)(images)
    return maps.mean(axis=(1, 2)), label


def measure(rounds: int = 3) -> list[Row]:
    """Rows of the table."""
    points, label = vectors()
    group, weights = np.arange(VECTORS), np.full(VECTORS, 1 / VECTORS)
    chosen = {}

    def ours() -> None:
        model = fit_linear_model(points[:, None], label, group, weights, CLASSES, 1)
        chosen["l2"] = model.l2

    def theirs() -> None:
        standardised = StandardScaler().fit_transform(points)
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
