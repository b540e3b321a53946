"""Summary of the stage: the numbers of its metrics file and the words of its closing line."""

from typing import NamedTuple

import numpy as np

from common.tables.sampling import Sampling


class ClassCounts(NamedTuple):
    """Numbers of each class, (n_classes,) each.

    Attributes:
        images: int, in train.
        samples: int, that one epoch visits.
        weights: float32, of the loss of its samples.
    """

    images: np.ndarray
    samples: np.ndarray
    weights: np.ndarray


def count_classes(label: np.ndarray, rows: np.ndarray, weights: np.ndarray) -> ClassCounts:
    """Counts the images and the samples of each class.

    Args:
        label: int (n,), the class of each image.
        rows: int (n_samples,), the rows of one epoch.
        weights: float32 (n_classes,), of each class.
    """
    n_classes = len(weights)
    return ClassCounts(
        images=np.bincount(label, minlength=n_classes),
        samples=np.bincount(label[rows], minlength=n_classes),
        weights=weights,
    )


def metrics_of(sampling: Sampling, counts: ClassCounts, class_names: list[str]) -> dict:
    """Content of metrics/oversample.json."""
    return {
        "n_pictures": int(counts.images.sum()),
        "n_samples": len(sampling.rows),
        "largest_occurrence": int(sampling.occurrences.max()),
        "per_class": {
            name: {
                "pictures": int(images),
                "samples": int(samples),
                "weight": round(float(weight), 6),
            }
            for name, images, samples, weight in zip(class_names, *counts, strict=True)
        },
    }


def summary_of(metrics: dict, method: str) -> str:
    """The stage's closing line, from its metrics."""
    return (
        f"{metrics['n_pictures']:,} images, {metrics['n_samples']:,} training examples an epoch "
        f"({method})"
    )
