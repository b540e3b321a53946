"""Galleries of test images beside their heat maps: a page for each class, and a summary."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from common import cli
from common.heat import coloured, overlay
from common.plots.style import shorten
from stages.gradcam import plots
from stages.gradcam.choice import interleave
from stages.gradcam.explainer import Explainer
from stages.gradcam.names import WORDS
from stages.gradcam.plots import Row

SUMMARY_IMAGES = 4  # at most, right and wrong each, in summary.png
RESERVED = {"summary", "methods", "faithfulness", "randomisation"}  # names of other files


class Explained(NamedTuple):
    """An image that was explained.

    Attributes:
        drawn: tiles and caption; tiles as `headings` says.
        heat: float (h, w) in [0, 1], for the predicted class.
    """

    drawn: Row
    heat: np.ndarray


def headings(class_names: Sequence[str]) -> list[str]:
    """Headings of the tiles of an explained image; with two classes there is one more."""
    names = ["picture", "heat", "over the picture"]
    return [*names, "for the losing class"] if len(class_names) == 2 else names


def explain(
    explainer: Explainer,
    class_names: Sequence[str],
    predictions: pd.DataFrame,
    rows: Sequence[int],
    opacity: float,
) -> list[Explained]:
    """Test images with the heat map of the explainer's first method.

    Args:
        explainer: of the test split.
        class_names: in label order.
        predictions: of the test split, as `tables.read_predictions` gives them.
        rows: of the split, in any order.
        opacity: of the heat over the image.
    """
    results, method = [], explainer.methods[0]
    for batch, pixels in explainer.batches(rows):
        classes = predicted_classes(predictions.loc[list(batch)], class_names)
        heats = explainer.heats(pixels, classes, [method])[method]
        losing_heats = None
        if len(class_names) == 2:
            losing_heats = explainer.heats(pixels, 1 - classes, [method])[method]
        for index, image in enumerate(pixels):
            tiles = [
                image,
                coloured(heats[index], image.shape[:2]),
                overlay(image, heats[index], opacity),
            ]
            if losing_heats is not None:
                tiles.append(overlay(image, losing_heats[index], opacity))
            text = caption(predictions.loc[batch[index]])
            results.append(Explained(Row(tiles, text), heats[index]))
    return results


def compare(
    explainer: Explainer,
    class_names: Sequence[str],
    predictions: pd.DataFrame,
    rows: Sequence[int],
    opacity: float,
) -> list[Row]:
    """Test images, each with the heat maps of all the explainer's methods laid over it."""
    results = []
    for batch, pixels in explainer.batches(rows):
        classes = predicted_classes(predictions.loc[list(batch)], class_names)
        heats = explainer.heats(pixels, classes)
        for index, image in enumerate(pixels):
            tiles = [overlay(image, heat[index], opacity) for heat in heats.values()]
            results.append(Row([image, *tiles], caption(predictions.loc[batch[index]])))
    return results


def predicted_classes(predictions: pd.DataFrame, class_names: Sequence[str]) -> np.ndarray:
    """The index of the class that is predicted in each row, int (n,)."""
    return predictions["predicted"].map(class_names.index).to_numpy()


def caption(row: pd.Series) -> str:
    """The predicted class with its probability, and the label where it is another."""
    predicted = row["predicted"]
    text = f"{shorten(predicted, 24)}: {row[f'p_{predicted}']:.1%}"
    if predicted != row["label"]:
        text += f", wrong, is {shorten(row['label'], 24)}"
    return text


def file_name(label: str, used: set[str]) -> str:
    """A file name for a class: its letters and digits, numbered where two would be equal."""
    base = re.sub(r"[^\w-]+", "_", label).strip("_") or "class"
    name, number = base, 1
    while name.lower() in used | RESERVED:
        number += 1
        name = f"{base}_{number}"
    used.add(name.lower())
    return f"{name}.png"


def draw(
    folder: Path,
    class_names: Sequence[str],
    chosen: dict[str, dict[str, list[int]]],
    explained: Callable[[list[int]], list[Explained]],
    method: str,
) -> list[np.ndarray]:
    """Draws a page for each class, and the summary.

    Args:
        folder: of the PNGs.
        class_names: in label order.
        chosen: rows of each class, as from `choice.choose_for_gallery`.
        explained: rows to explained images.
        method: that made their heat maps.

    Returns:
        The heat maps drawn, float (h, w) each.
    """
    heats, summary, used = [], {"right": [], "wrong": []}, set()
    names = headings(class_names)
    meaning = f"heat: what spoke for the predicted class, by {WORDS[method]}"
    for label in cli.progress(class_names, "explaining", unit="class"):
        images = {kind: explained(rows) for kind, rows in chosen[label].items()}
        for kind, items in images.items():
            if items and len(summary[kind]) < SUMMARY_IMAGES:
                summary[kind].append(items)
            heats += [item.heat for item in items]
        page = [item.drawn for items in images.values() for item in items]
        if page:
            title = (
                f"{shorten(label, 40)}: {len(images['right'])} right, "
                f"{len(images['wrong'])} wrong test pictures\n{meaning}"
            )
            plots.gallery(folder / file_name(label, used), title, names, page)
    kinds = [interleave(lists)[:SUMMARY_IMAGES] for lists in summary.values()]
    strip = [item.drawn for items in kinds for item in items]
    plots.gallery(folder / "summary.png", f"Test pictures; {meaning}", names, strip)
    return heats
