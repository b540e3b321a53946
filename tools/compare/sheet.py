"""A contact sheet of the images on which two revisions disagree."""

from pathlib import Path

import numpy as np
from PIL import Image

from common.images import decode_png
from common.plots import grids
from common.plots.style import shorten
from common.tables import Dataset
from stages.ensemble.revisions import Member

SHOWN = 16  # images of each kind
MOST = 300  # images on the sheet: more would be no image that one can look at


def draw(path: Path, members: list[Member], split: str, dataset: Dataset) -> None:
    """Draws for each revision but the first what it gained, lost, and what both get wrong.

    Args:
        path: the PNG.
        members: the revisions.
        split: of their predictions.
        dataset: that holds these images.
    """
    first, *others = members
    strips, shown = [], set()
    label = first.predictions[split].label
    names = first.predictions[split].class_names
    one = first.predictions[split].probabilities
    for other in others:
        two = other.predictions[split].probabilities
        said = one.argmax(axis=1), two.argmax(axis=1)
        kinds = (
            (f"{other.name} right, {first.name} wrong", (said[1] == label) & (said[0] != label)),
            (f"{first.name} right, {other.name} wrong", (said[0] == label) & (said[1] != label)),
            ("both wrong, differently", (said[0] != label) & (said[1] != label)),
        )
        for heading, chosen in kinds:
            rows = np.flatnonzero(chosen & (said[0] != said[1]))
            surest = np.argsort(-np.abs(one - two).max(axis=1)[rows], kind="stable")
            rows = rows[surest][: min(SHOWN, MOST - len(shown))]
            if not len(rows):
                continue
            shown |= set(rows.tolist())
            captions = [
                grids.caption(
                    dataset.path[row],
                    shorten(f"is {names[label[row]]}", grids.CAPTION),
                    _line(first.name, names[said[0][row]]),
                    _line(other.name, names[said[1][row]]),
                )
                for row in rows
            ]
            total = int((chosen & (said[0] != said[1])).sum())
            heading = f"{shorten(heading, 70)}: {len(rows):,} of {total:,}"
            strips.append(grids.Strip(heading, dataset.path[rows].tolist(), captions))
    images = {
        dataset.path[row]: grids.tile(Image.fromarray(decode_png(png)))
        for row, png in dataset.png_at(shown).items()
    }
    title = f"Pictures of {split} on which predictions differ, most different probabilities first"
    grids.contact_sheet(path, title, strips, images)


def _line(name: str, said: str) -> str:
    half = grids.CAPTION // 2 - 1
    return f"{shorten(name, half)}: {shorten(said, half)}"
