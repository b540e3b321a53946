"""A contact sheet of the images on which two revisions disagree."""

from pathlib import Path

import numpy as np
from PIL import Image

from common.images import decode_png
from common.plots import grids
from common.plots.style import shorten
from common.tables.dataset import Dataset
from stages.ensemble.revisions import Member
from tools.compare.findings import changes

OF_KIND = 16  # images of each kind
ON_SHEET = 300  # images on the whole sheet: more are too many to look at


def draw(path: Path, members: list[Member], split: str, dataset: Dataset) -> None:
    """Draws for each revision but the first the images gained, lost, and wrong in both.

    Args:
        path: the PNG.
        members: the revisions.
        split: of their predictions.
        dataset: that holds these images.
    """
    first, *others = members
    strips, drawn = [], set()
    label = first.predictions[split].label
    names = first.predictions[split].class_names
    first_p = first.predictions[split].probabilities
    for other in others:
        other_p = other.predictions[split].probabilities
        predicted = first_p.argmax(axis=1), other_p.argmax(axis=1)
        distance = np.abs(first_p - other_p).max(axis=1)
        headings = {
            "gained": f"{other.name} right, {first.name} wrong",
            "lost": f"{first.name} right, {other.name} wrong",
            "both_wrong": "both wrong, differently",
        }
        for kind, chosen in changes(label, *predicted).items():
            rows = np.flatnonzero(chosen)
            total = len(rows)
            farthest_first = np.argsort(-distance[rows], kind="stable")
            rows = rows[farthest_first][: min(OF_KIND, ON_SHEET - len(drawn))]
            if not len(rows):
                continue
            drawn |= set(rows.tolist())
            captions = [
                grids.caption(
                    dataset.path[row],
                    shorten(f"is {names[label[row]]}", grids.CAPTION),
                    _line(first.name, names[predicted[0][row]]),
                    _line(other.name, names[predicted[1][row]]),
                )
                for row in rows
            ]
            heading = f"{shorten(headings[kind], 70)}: {len(rows):,} of {total:,}"
            strips.append(grids.Strip(heading, dataset.path[rows].tolist(), captions))
    images = {
        dataset.path[row]: grids.tile(Image.fromarray(decode_png(png)))
        for row, png in dataset.png_at(drawn).items()
    }
    title = f"Pictures of {split} on which predictions differ, most different probabilities first"
    grids.contact_sheet(path, title, strips, images)


def _line(name: str, predicted: str) -> str:
    half = grids.CAPTION // 2 - 1
    return f"{shorten(name, half)}: {shorten(predicted, half)}"
