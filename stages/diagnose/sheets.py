"""Contact sheets of confident mistakes, unsure hits and likely label errors."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from common.images import decode_png
from common.plots import grids
from common.plots.style import shorten
from common.tables.dataset import Dataset
from stages.diagnose.predicted import confident_mistakes, unsure_hits


def draw_sheet(
    path: Path,
    title: str,
    strips: dict[str, tuple[pd.DataFrame, Sequence[str]]],
    splits: dict[str, Dataset],
) -> None:
    """Draws a contact sheet of images as the model sees them.

    Args:
        path: the PNG.
        title: above it.
        strips: heading to rows with `path` and `split`, and a caption for each; empty ones are
            left out.
        splits: the datasets that hold the images.
    """
    filled = {heading: pair for heading, pair in strips.items() if len(pair[0])}
    every = [rows[["path", "split"]] for rows, _ in filled.values()]
    images = {}
    for split, rows in pd.concat(every).groupby("split") if every else ():
        dataset = splits[split]
        wanted = np.flatnonzero(np.isin(dataset.path, rows["path"].unique()))
        images |= {
            dataset.path[row]: grids.tile(Image.fromarray(decode_png(png)))
            for row, png in dataset.png_at(wanted).items()
        }
    grids.contact_sheet(
        path,
        title,
        [
            grids.Strip(
                heading,
                rows["path"].tolist(),
                [
                    grids.caption(name, *text.split("\n"))
                    for name, text in zip(rows["path"], texts, strict=True)
                ],
            )
            for heading, (rows, texts) in filled.items()
        ],
        images,
    )


def caption_line(word: str, name: str, probability: float) -> str:
    """A line of a caption, such as "predicted cat .97", as wide as an image at most."""
    number = f"{probability:.2f}"
    room = grids.CAPTION - len(word) - len(number) - 2
    return f"{word} {shorten(name, room)} {number}"


def draw_mistakes(
    path: Path, predicted: pd.DataFrame, limit: int, splits: dict[str, Dataset]
) -> None:
    """Draws the surest mistakes, test first, then val.

    Args:
        path: the PNG.
        predicted: as from `predicted.predicted_rows`.
        limit: of the images of each split.
        splits: the datasets.
    """
    rows = confident_mistakes(predicted)
    _draw_predicted(path, "Surest mistakes", rows, predicted, limit, splits)


def draw_hits(path: Path, predicted: pd.DataFrame, limit: int, splits: dict[str, Dataset]) -> None:
    """Draws the least sure of the right predictions; arguments as of `draw_mistakes`."""
    _draw_predicted(path, "Least sure hits", unsure_hits(predicted), predicted, limit, splits)


def draw_label_errors(
    path: Path, flagged: pd.DataFrame, counts: dict, limit: int, splits: dict[str, Dataset]
) -> None:
    """Draws the likely label errors, worst first.

    Args:
        path: the PNG.
        flagged: the columns of LABEL_ERROR_COLUMNS, worst first.
        counts: the metrics of the search, with `judged` and `pictures`.
        limit: of the images drawn.
        splits: the datasets.
    """
    drawn = flagged.head(limit)
    texts = [
        f"{caption_line('not', row.label, row.p_label)}\n"
        f"{caption_line('rather', row.suggested, row.p_suggested)}\nin {row.split}"
        for row in drawn.itertuples()
    ]
    among = f"{counts['judged']:,} of {counts['pictures']:,} pictures"
    title = f"Likely label errors: {len(flagged):,} among {among}"
    draw_sheet(path, title, {f"{len(drawn)} shown": (drawn, texts)}, splits)


def _draw_predicted(
    path: Path,
    title: str,
    rows: pd.DataFrame,
    predicted: pd.DataFrame,
    limit: int,
    splits: dict[str, Dataset],
) -> None:
    """Draws the first of some `rows` of the predicted images, test first, then val."""
    strips, counts = {}, []
    for split in ("test", "val"):
        of_split = rows[rows["split"] == split]
        drawn = of_split.head(limit)
        total = int((predicted["split"] == split).sum())
        counts.append(f"{len(of_split):,} among {total:,} of {split}")
        captions = [_predicted_caption(row) for row in drawn.itertuples()]
        strips[f"{split}: {len(drawn)} shown"] = (drawn, captions)
    draw_sheet(path, f"{title}: {', '.join(counts)}", strips, splits)


def _predicted_caption(row) -> str:
    predicted = caption_line("said", row.predicted, row.confidence)
    if row.label == row.predicted:
        return predicted
    return f"{predicted}\n{caption_line('is', row.label, row.p_label)}"
