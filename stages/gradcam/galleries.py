"""Test images beside their heat maps, ready to be drawn."""

import re
from collections.abc import Callable, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from common import cli
from common.heat import coloured, overlay
from common.plots.style import shorten
from stages.gradcam import plots
from stages.gradcam.explainer import Explainer
from stages.gradcam.plots import Row

SUMMARY_IMAGES = 4  # at most, right and wrong each, in summary.png
TAKEN = {"summary", "methods", "faithfulness", "randomisation"}  # names of other files


class Explained(NamedTuple):
    """An image that was explained.

    Attributes:
        drawn: tiles and caption; tiles as `headings` says.
        heat: float (h, w) in [0, 1], for the predicted class.
    """

    drawn: Row
    heat: np.ndarray


def headings(class_names: Sequence[str]) -> list[str]:
    """What the tiles of an explained image are; with two classes there is one more."""
    names = ["picture", "heat", "over the picture"]
    return [*names, "for the losing class"] if len(class_names) == 2 else names


def choose_rows(predictions: pd.DataFrame, label: str, per_class: int) -> dict[str, list[int]]:
    """Picks test images of one class: {"right": rows, "wrong": rows}.

    Right ones are spread evenly over the model's confidence; wrong ones are the surest.
    """
    own = predictions[predictions["label"] == label]
    chosen = {}
    for kind, rows in (
        ("right", own[own["predicted"] == label]),
        ("wrong", own[own["predicted"] != label]),
    ):
        confidence = rows.filter(like="p_").max(axis=1)
        ordered = confidence.sort_values(ascending=False, kind="stable").index.to_numpy()
        if kind == "right" and len(ordered) > per_class:
            ordered = ordered[np.linspace(0, len(ordered) - 1, per_class).astype(int)]
        chosen[kind] = ordered[:per_class].tolist()
    return chosen


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
    for some, pixels in explainer.images(rows):
        answers = [predictions.loc[row, "predicted"] for row in some]
        classes = np.array([class_names.index(answer) for answer in answers])
        heats = explainer.heats(pixels, classes, [method])[method]
        others = None
        if len(class_names) == 2:
            others = explainer.heats(pixels, 1 - classes, [method])[method]
        for index, image in enumerate(pixels):
            tiles = [
                image,
                coloured(heats[index], image.shape[:2]),
                overlay(image, heats[index], opacity),
            ]
            if others is not None:
                tiles.append(overlay(image, others[index], opacity))
            text = caption(predictions.loc[some[index]])
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
    for some, pixels in explainer.images(rows):
        answers = [predictions.loc[row, "predicted"] for row in some]
        heats = explainer.heats(pixels, [class_names.index(answer) for answer in answers])
        for index, image in enumerate(pixels):
            tiles = [overlay(image, heat[index], opacity) for heat in heats.values()]
            results.append(Row([image, *tiles], caption(predictions.loc[some[index]])))
    return results


def caption(row: pd.Series) -> str:
    """The answer and how sure it is, and what would have been right."""
    answer = row["predicted"]
    text = f"{shorten(answer, 24)}: {row[f'p_{answer}']:.1%}"
    if answer != row["label"]:
        text += f", wrong, is {shorten(row['label'], 24)}"
    return text


def file_name(label: str, used: set[str]) -> str:
    """A file name for a class: its letters and digits, numbered where two would be equal."""
    base = re.sub(r"[^\w-]+", "_", label).strip("_") or "class"
    name, number = base, 1
    while name.lower() in used | TAKEN:
        number += 1
        name = f"{base}_{number}"
    used.add(name.lower())
    return f"{name}.png"


def in_turn(lists: list[list]) -> list:
    """The first of each list, then the second of each, and so on."""
    return [item for rank in zip_longest(*lists) for item in rank if item is not None]


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
        chosen: of each class, as `choose_rows` gives it.
        explained: rows to explained images.
        method: that made their heat maps.

    Returns:
        The heat maps drawn, float (h, w) each.
    """
    heats, summary, used = [], {"right": [], "wrong": []}, set()
    names = headings(class_names)
    meaning = f"heat: what spoke for the predicted class, by {plots.NAMES[method]}"
    for label in cli.progress(class_names, "explaining", unit="class"):
        shown = {kind: explained(rows) for kind, rows in chosen[label].items()}
        for kind, items in shown.items():
            if items and len(summary[kind]) < SUMMARY_IMAGES:
                summary[kind].append(items)
            heats += [item.heat for item in items]
        page = [item.drawn for items in shown.values() for item in items]
        if page:
            title = (
                f"{shorten(label, 40)}: {len(shown['right'])} right, "
                f"{len(shown['wrong'])} wrong test pictures\n{meaning}"
            )
            plots.gallery(folder / file_name(label, used), title, names, page)
    kinds = [in_turn(items)[:SUMMARY_IMAGES] for items in summary.values()]
    strip = [item.drawn for items in kinds for item in items]
    plots.gallery(folder / "summary.png", f"Test pictures; {meaning}", names, strip)
    return heats
