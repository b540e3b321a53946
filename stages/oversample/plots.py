"""Plot of the oversample stage: each class before and after, as bars."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from common.plots import bars

# From images, samples (int) and weights (float) of each class, (n_classes,) each, to the parts of
# the bars by their name in the legend, and the text at the end of each bar.
Bars = Callable[
    [np.ndarray, np.ndarray, np.ndarray],
    tuple[dict[str, np.ndarray], list[str]],
]


def repeat_bars(
    images: np.ndarray, samples: np.ndarray, weights: np.ndarray, added: str = "repeats"
) -> tuple[dict[str, np.ndarray], list[str]]:
    """Images, then what is added to them, if to any class."""
    parts = {"pictures": images}
    if (samples > images).any():
        parts[added] = samples - images
    ends = [
        f"{before:,} → {after:,}" if after > before else f"{before:,}"
        for before, after in zip(images, samples, strict=True)
    ]
    return parts, ends


def smote_bars(
    images: np.ndarray, samples: np.ndarray, weights: np.ndarray
) -> tuple[dict[str, np.ndarray], list[str]]:
    """As `repeat_bars`: what is added is synthetic."""
    return repeat_bars(images, samples, weights, "synthetic")


def reduction_bars(
    images: np.ndarray, samples: np.ndarray, weights: np.ndarray
) -> tuple[dict[str, np.ndarray], list[str]]:
    """Images that are kept, and those left out."""
    ends = [f"{after:,} of {before:,}" for before, after in zip(images, samples, strict=True)]
    return {"kept": samples, "left out": images - samples}, ends


def weight_bars(
    images: np.ndarray, samples: np.ndarray, weights: np.ndarray
) -> tuple[dict[str, np.ndarray], list[str]]:
    """Images, with their weight at the bar."""
    ends = [f"{n:,} × {weight:.3g}" for n, weight in zip(images, weights, strict=True)]
    return {"pictures": images}, ends


def draw(
    path: Path,
    method: str,
    class_names: list[str],
    parts: dict[str, np.ndarray],
    ends: list[str],
) -> None:
    """Draws the bars of one epoch, as a function of type Bars gives them."""
    title = f"One training epoch, oversample.method: {method}"
    counts = {name: values.tolist() for name, values in parts.items()}
    bars.stacked_bars(path, title, class_names, counts, "training examples", ends)
