"""Plots of the stage: class counts and sizes, and sheets of kept, rejected and flagged images."""

import collections
import textwrap
from pathlib import Path

import numpy as np
import pandas as pd

from common.plots import bars, grids, style
from common.plots.grids import Strip, caption
from common.preprocessing import Greys
from common.reasons import EXACT_DUPLICATE, LABEL_CONFLICT, REASONS
from common.schema import Clean
from stages.clean import quality, set_plots
from stages.clean.thumbnails import thumbnails

REJECTED = 8  # rejected files shown of each reason
SAMPLES = 72  # kept images shown, an equal share of each class
CLASSES = 36  # classes of which images are shown
GROUPS = 12  # groups of copies shown, and as many conflicts
FLAGGED = 8  # images shown of each flag, the worst


def draw(
    folder: Path,
    raw: Path,
    kept: pd.DataFrame,
    rejected: list[dict],
    clean: Clean,
    greys: Greys,
) -> None:
    """Draws all plots of the clean stage.

    Args:
        folder: where the PNGs go.
        raw: the folder of the files.
        kept: rows of the manifest.
        rejected: rows of the reject table; those that are copies with their `group`.
        clean: limits, which stand in the headings.
        greys: of the set.
    """
    labels = sorted({*kept["label"], *(row["label"] for row in rejected)})
    counts = [int((kept["label"] == label).sum()) for label in labels]
    counts_by_fate = {"kept": counts}
    fates = collections.Counter((row["reason"], row["label"]) for row in rejected)
    for reason in REASONS:
        if any(fates[reason, label] for label in labels):
            counts_by_fate[reason] = [fates[reason, label] for label in labels]
    bars.stacked_bars(folder / "classes.png", "Files per class", labels, counts_by_fate, "files")
    set_plots.pie(folder / "shares.png", f"{len(kept):,} pictures kept", labels, counts)
    width, height = kept["width"].to_numpy(), kept["height"].to_numpy()
    set_plots.sizes(folder / "sizes.png", "Sizes of the pictures kept", width, height)
    set_plots.aspects(folder / "aspects.png", "Shapes of the pictures kept", width / height)

    sheets = {
        "samples": sample_strips(kept),
        "rejected": rejected_strips(rejected),
        "duplicates": duplicate_strips(kept, rejected),
        "conflicts": conflict_strips(rejected),
        "flags": flag_strips(kept, clean),
    }
    paths = [path for _, strips in sheets.values() for strip in strips for path in strip.paths]
    images = thumbnails(raw, paths, clean.max_pixels, greys)
    for name, (title, strips) in sheets.items():
        grids.contact_sheet(folder / f"{name}.png", title, strips, images)


def sample_strips(kept: pd.DataFrame) -> tuple[str, list[Strip]]:
    """Title and strips: some kept images of each class, evenly spaced in the order of paths."""
    classes = list(kept.groupby("label"))
    per_class = int(np.clip(SAMPLES // len(classes), 2, 2 * grids.COLUMNS))
    strips = []
    for label, rows in classes[:CLASSES]:
        n = min(per_class, len(rows))
        chosen = ((np.arange(n) + 0.5) * len(rows) / n).astype(int)
        strips.append(
            Strip(f"{label}: {len(rows):,}", rows["path"].iloc[chosen].tolist(), [""] * len(chosen))
        )
    title = f"Pictures kept, at most {per_class} of each class"
    if len(classes) > CLASSES:
        title += f" (first {CLASSES} of {len(classes)} classes)"
    return title, strips


def rejected_strips(rejected: list[dict]) -> tuple[str, list[Strip]]:
    """Title and strips: a few files of each reason."""
    strips = []
    for reason in REASONS:
        rows = sorted((row for row in rejected if row["reason"] == reason), key=_path)
        first = rows[:REJECTED]
        if not first:
            continue
        strips.append(
            Strip(
                f"{reason}: {len(rows):,}",
                [row["path"] for row in first],
                [caption(row["path"], wrap(row["detail"], grids.CAPTION, 3)) for row in first],
            )
        )
    total = sum(len(strip.paths) for strip in strips)
    return f"{total} of {len(rejected):,} rejected files (plain grey: cannot be decoded)", strips


def duplicate_strips(kept: pd.DataFrame, rejected: list[dict]) -> tuple[str, list[Strip]]:
    """Title and strips: groups of copies, what was kept of each first."""
    groups = collections.defaultdict(list)
    for row in kept[["path", "group"]].to_dict("records"):
        groups[row["group"]].append(("kept", row["path"]))
    for row in sorted(rejected, key=_path):
        if row["kept_path"]:
            groups[row["group"]].append((row["reason"], row["path"]))
    groups = {group: rows for group, rows in groups.items() if len(rows) > 1}
    # Near copies first, for they are the ones to check by eye, and the largest groups of them.
    order = sorted(
        groups.values(),
        key=lambda rows: (all(r == EXACT_DUPLICATE for r, _ in rows[1:]), -len(rows), rows),
    )
    strips = []
    for number, rows in enumerate(order[:GROUPS], start=1):
        first = rows[: grids.COLUMNS]
        dropped = sum(reason != "kept" for reason, _ in rows)
        heading = f"{number}: {len(rows) - dropped} kept, {dropped} dropped"
        if len(first) < len(rows):
            heading += f", {len(first)} shown"
        strips.append(
            Strip(
                heading,
                [path for _, path in first],
                [caption(path, reason) for reason, path in first],
            )
        )
    return f"{len(strips)} of {len(groups):,} groups of copies", strips


def conflict_strips(rejected: list[dict]) -> tuple[str, list[Strip]]:
    """Title and strips: the same image under several labels, all of it dropped."""
    groups = collections.defaultdict(list)
    for row in sorted(rejected, key=_path):
        if row["reason"] == LABEL_CONFLICT:
            groups[row["group"]].append(row)
    strips = []
    for rows in list(groups.values())[:GROUPS]:
        first = rows[: grids.COLUMNS]
        strips.append(
            Strip(
                " / ".join(sorted({row["label"] for row in rows})),
                [row["path"] for row in first],
                [caption(row["path"], style.shorten(row["label"], 25)) for row in first],
            )
        )
    return f"{len(strips)} of {len(groups):,} pictures under several labels", strips


def flag_strips(kept: pd.DataFrame, clean: Clean) -> tuple[str, list[Strip]]:
    """Title and strips: the worst images of each flag, with what was measured."""
    limits = clean.quality.model_dump()
    strips = []
    for flag, (measured, sign) in quality.RULES.items():
        flagged = kept[kept[flag]].sort_values([measured, "path"], ascending=[sign < 0, True])
        if flagged.empty:
            continue
        worst = flagged.head(FLAGGED)
        side = ">" if sign > 0 else "<"
        strips.append(
            Strip(
                f"{flag}: {len(flagged):,}",
                worst["path"].tolist(),
                [
                    caption(row["path"], f"{measured} {row[measured]:g} {side} {limits[flag]:g}")
                    + (f"\n{row['width']} × {row['height']} px" if flag == "odd_size" else "")
                    for row in worst.to_dict("records")
                ],
            )
        )
    total = int(kept[list(quality.RULES)].any(axis=1).sum())
    return f"{total:,} of {len(kept):,} pictures kept are flagged (the worst shown)", strips


def _path(row: dict) -> str:
    return row["path"]


def wrap(text: str, width: int, lines: int) -> str:
    """The text in at most `lines` lines of at most `width` characters."""
    wrapped = textwrap.wrap(text, width, break_long_words=True) or [""]
    if len(wrapped) > lines:
        wrapped = wrapped[:lines]
        wrapped[-1] = wrapped[-1][: width - 1] + "…"
    return "\n".join(wrapped)
