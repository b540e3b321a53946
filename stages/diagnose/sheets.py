"""The images that matter: confident mistakes and unsure hits, as tables and contact sheets."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from common import tables
from common.images import decode_png
from common.plots import grids
from common.plots.style import shorten


def judged_rows(predictions: dict[str, tables.Predictions]) -> pd.DataFrame:
    """A row per predicted image.

    Args:
        predictions: by split.

    Returns:
        the columns of tables.REVIEW_COLUMNS.
    """
    parts = []
    for split, found in predictions.items():
        names = np.array(found.class_names, dtype=object)
        predicted = found.probabilities.argmax(axis=1)
        rows = np.arange(found.n)
        columns = {
            "path": found.path,
            "split": split,
            "label": names[found.label],
            "predicted": names[predicted],
            "confidence": found.probabilities[rows, predicted],
            "p_label": found.probabilities[rows, found.label],
            "image_id": found.image_id,
        }
        parts.append(pd.DataFrame(columns)[tables.REVIEW_COLUMNS])
    return pd.concat(parts, ignore_index=True)


def confident_mistakes(rows: pd.DataFrame) -> pd.DataFrame:
    """All mistakes, the surest first."""
    wrong = rows[rows["label"] != rows["predicted"]]
    return wrong.sort_values(["confidence", "path"], ascending=[False, True])


def unsure_hits(rows: pd.DataFrame, limit: int) -> pd.DataFrame:
    """Right predictions, the least sure first, at most `limit`."""
    right = rows[rows["label"] == rows["predicted"]]
    return right.sort_values(["confidence", "path"]).head(limit)


def sheet(
    path: Path,
    title: str,
    strips: dict[str, tuple[pd.DataFrame, Sequence[str]]],
    splits: dict[str, tables.Dataset],
) -> None:
    """A contact sheet of images as the model sees them.

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
    for split, own in pd.concat(every).groupby("split") if every else ():
        dataset = splits[split]
        wanted = np.flatnonzero(np.isin(dataset.path, own["path"].unique()))
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


def said(word: str, name: str, probability: float) -> str:
    """A line of a caption, such as "predicted cat .97", as wide as an image at most."""
    number = f"{probability:.2f}"
    room = grids.CAPTION - len(word) - len(number) - 2
    return f"{word} {shorten(name, room)} {number}"


def draw_judged(
    folder: Path, judged: pd.DataFrame, limit: int, splits: dict[str, tables.Dataset]
) -> None:
    """Draws confident_mistakes.png and unsure_hits.png, test first, then val.

    Args:
        folder: where the PNGs go.
        judged: as `judged_rows` gives it.
        limit: of the images of each split.
        splits: the datasets.
    """
    right = judged["label"] == judged["predicted"]
    for name, title, rows in (
        ("confident_mistakes", "Surest mistakes", confident_mistakes(judged)),
        ("unsure_hits", "Least sure hits", unsure_hits(judged, int(right.sum()))),
    ):
        strips, counts = {}, []
        for split in ("test", "val"):
            own = rows[rows["split"] == split]
            shown = own.head(limit)
            counts.append(
                f"{len(own):,} among {int((judged['split'] == split).sum()):,} of {split}"
            )
            strips[f"{split}: {len(shown)} shown"] = (
                shown,
                [_judged_caption(row) for row in shown.itertuples()],
            )
        sheet(folder / f"{name}.png", f"{title}: {', '.join(counts)}", strips, splits)


def draw_doubts(
    path: Path, doubts: pd.DataFrame, counts: dict, limit: int, splits: dict[str, tables.Dataset]
) -> None:
    """Draws the likely label errors, worst first.

    Args:
        path: the PNG.
        doubts: the columns of tables.LABEL_ERROR_COLUMNS, worst first.
        counts: with `judged` and `images`.
        limit: of the images drawn.
        splits: the datasets.
    """
    shown = doubts.head(limit)
    texts = [
        f"{said('not', row.label, row.p_label)}\n"
        f"{said('rather', row.suggested, row.p_suggested)}\nin {row.split}"
        for row in shown.itertuples()
    ]
    among = f"{counts['judged']:,} of {counts['pictures']:,} pictures"
    title = f"Likely label errors: {len(doubts):,} among {among}"
    sheet(path, title, {f"{len(shown)} shown": (shown, texts)}, splits)


def _judged_caption(row) -> str:
    text = said("said", row.predicted, row.confidence)
    return text if row.label == row.predicted else f"{text}\n{said('is', row.label, row.p_label)}"
