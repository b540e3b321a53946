"""Decodes every file, drops what is no usable picture or a copy, and says why.

Reads:  --raw, files in class folders
Writes: --manifest, one row per picture kept; --rejected, one row per file dropped; --metrics;
        --plots, a folder: pictures per class, and a contact sheet of the rejected files
Params: clean
"""

import collections
import dataclasses
import hashlib
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import ImageOps, ImageStat

from stages.common import cli, duplicates, images, plots, tables
from stages.common.errors import StageError
from stages.common.files import atomic_folder, write_json
from stages.common.junk import is_junk
from stages.common.layout import Placed, read_layout
from stages.common.params import Clean, read_params

SHEET_ROWS = 48  # rejected files shown on the contact sheet


def inspect(path: Path, clean: Clean) -> dict:
    """Decodes one file and measures it.

    Returns:
        The columns of the manifest that come from the file itself, `bytes` (its size) and
        `fingerprint`.

    Raises:
        images.ImageError: with one of tables.REASONS.
    """
    data = path.read_bytes()
    decoded = images.decode(data, clean.max_pixels)
    width, height = decoded.width, decoded.height
    if min(width, height) < clean.min_side:
        raise images.ImageError("too_small", f"{width}x{height} px, limit {clean.min_side} px")
    if max(width, height) > clean.max_aspect * min(width, height):
        raise images.ImageError("bad_aspect", f"{width}x{height} px, limit {clean.max_aspect}:1")
    deviation = ImageStat.Stat(decoded.image.convert("L")).stddev[0]
    if deviation < clean.min_contrast:
        raise images.ImageError(
            "no_content", f"standard deviation {deviation:.2f}, limit {clean.min_contrast}"
        )
    sha256 = hashlib.sha256(data).hexdigest()
    return {
        "image_id": sha256[:16],
        "sha256": sha256,
        "width": width,
        "height": height,
        "format": decoded.format,
        "mode": decoded.mode,
        "bytes": len(data),
        "fingerprint": duplicates.fingerprint(decoded.image),
    }


def inspect_all(
    raw: Path, placed: list[Placed], clean: Clean, thumbs: np.memmap
) -> tuple[pd.DataFrame, list[dict]]:
    """Inspects every file; returns (rows of usable pictures, rows of the reject table).

    The thumbnail of the k-th usable picture goes to `thumbs[k]`, so that memory does not grow
    with the number of pictures.
    """

    def attempt(item: Placed) -> dict | images.ImageError:
        try:
            return inspect(raw / item.path, clean)
        except images.ImageError as error:
            return error

    rows, rejected = [], []
    results = cli.parallel_map(attempt, placed)
    for item, result in zip(placed, cli.progress(results, "decoding", len(placed)), strict=True):
        if isinstance(result, images.ImageError):
            rejected.append(
                {
                    "path": item.path,
                    "label": item.label,
                    "reason": result.reason,
                    "detail": result.detail,
                    "kept_path": "",
                }
            )
            continue
        mark = result.pop("fingerprint")
        thumbs[len(rows)] = mark.thumb
        rows.append(dataclasses.asdict(item) | result | {"hash": mark.phash, "mirror": mark.mirror})
    return pd.DataFrame(rows), rejected


def find_groups(rows: pd.DataFrame, thumbs: np.ndarray, clean: Clean) -> np.ndarray:
    """Number of each picture's group of equal or nearly equal pictures, int64 (n,), from 0."""
    exact = pd.factorize(rows["sha256"])[0]
    if clean.near_duplicates == "off":
        return exact
    near = duplicates.find_groups(
        rows["hash"].to_numpy(np.uint64),
        rows["mirror"].to_numpy(np.uint64),
        thumbs,
        hash_distance=clean.hash_distance,
        correlation=clean.correlation,
        correlation_loose=clean.correlation_loose,
        agreement=clean.agreement,
    )
    # Pictures without detail are never near copies of each other, but equal bytes always are one.
    first = np.unique(exact, return_index=True)[1]
    return pd.factorize(near[first[exact]])[0]


def choose(rows: pd.DataFrame, clean: Clean) -> tuple[pd.DataFrame, list[dict]]:
    """Keeps the best picture of every group; returns (kept rows, rows of the reject table).

    Best is the largest, then the least compressed (most bytes), then the first by path. Copies
    are dropped within one given split only: what stands in two splits is a leak, for the split
    stage to judge. A group under two labels is a conflict.
    """
    order = rows.assign(pixels=rows["width"] * rows["height"]).sort_values(
        ["pixels", "bytes", "path"], ascending=[False, False, True]
    )
    rejected = []

    def reject(row, reason: str, detail: str, kept_path: str) -> None:
        rejected.append(
            {
                "path": row.path,
                "label": row.label,
                "reason": reason,
                "detail": detail,
                "kept_path": kept_path,
            }
        )

    kept = []
    for _, group in order.groupby("group", sort=False):
        labels = sorted(group["label"].unique())
        if len(labels) > 1 and clean.conflicts == "drop":
            for row in group.itertuples():
                other = group.loc[group["label"] != row.label, "path"].iloc[0]
                reject(row, "label_conflict", f"also labelled otherwise: {other}", "")
            continue
        for _, copies in group.groupby(["label", group["given_split"].fillna("")], sort=False):
            originals = {}  # sha256 -> the path that stands for it
            for row in copies.itertuples():
                best = copies["path"].iloc[0]
                if row.sha256 in originals:
                    reject(row, "exact_duplicate", "same bytes", originals[row.sha256])
                    continue
                originals[row.sha256] = row.path
                if row.path != best and clean.near_duplicates == "drop":
                    reject(row, "near_duplicate", "nearly the same picture", best)
                else:
                    kept.append(row.Index)
    return rows.loc[sorted(kept)], rejected


def draw(folder: Path, raw: Path, kept: pd.DataFrame, rejected: list[dict]) -> None:
    """Draws pictures per class with their fate, and the contact sheet of rejected files."""
    labels = sorted({*kept["label"], *(row["label"] for row in rejected)})
    kept_counts = kept["label"].value_counts()
    parts = {"kept": [int(kept_counts.get(label, 0)) for label in labels]}
    counts = collections.Counter((row["reason"], row["label"]) for row in rejected)
    for reason in tables.REASONS:
        if any(counts[reason, label] for label in labels):
            parts[reason] = [counts[reason, label] for label in labels]
    plots.stacked_bars(folder / "classes.png", "Files per class", labels, parts, "files")

    # A few of each reason rather than many of the commonest.
    ordered = sorted(rejected, key=lambda row: (row["reason"], row["path"]))
    share = max(1, SHEET_ROWS // max(1, len({row["reason"] for row in ordered})))
    seen = collections.Counter()
    shown = []
    for row in ordered:
        seen[row["reason"]] += 1
        if seen[row["reason"]] <= share:
            shown.append(row)
    blank = np.full((192, 192, 3), 225, np.uint8)
    thumbnails = []
    for row in shown:
        try:
            image = images.decode((raw / row["path"]).read_bytes(), 50_000_000).image
            square = ImageOps.pad(image, (192, 192), color=(245, 245, 245))
            thumbnails.append(np.asarray(square))
        except images.ImageError:
            thumbnails.append(blank)
    captions = [
        f"{row['reason']}\n{plots.shorten(row['path'], 24)}\n"
        + (f"= {plots.shorten(row['kept_path'], 22)}" if row["kept_path"] else " ")
        for row in shown
    ]
    title = f"Rejected files: {len(shown)} of {len(rejected)} (grey: no picture to show)"
    plots.image_grid(folder / "rejected.png", title, thumbnails, captions, columns=8)


def main(argv: list[str] | None = None) -> None:
    args = cli.parse_paths(__doc__, argv, "raw", "manifest", "rejected", "metrics", "plots")
    params = read_params(args.params)
    clean = params.clean
    files = sorted(p.relative_to(args.raw).as_posix() for p in args.raw.rglob("*") if p.is_file())
    wanted = [path for path in files if not is_junk(path)]
    placed, outside = read_layout(wanted)
    if outside:
        cli.warn("clean", f"{len(outside)} file(s) outside class folders ignored: {outside[:5]}")
    with tempfile.TemporaryFile() as scratch:
        shape = (len(placed), duplicates.THUMB, duplicates.THUMB)
        thumbs = np.memmap(scratch, np.uint8, "w+", shape=shape)
        rows, rejected = inspect_all(args.raw, placed, clean, thumbs)
        usable = set() if rows.empty else set(rows["label"])
        if len(usable) < 2:
            reasons = collections.Counter(row["reason"] for row in rejected)
            raise StageError(
                f"Expected usable pictures of at least two classes in {args.raw}. Received: "
                f"{sorted(usable) or 'none'}; rejected files by reason: {dict(reasons)}."
            )
        rows["group"] = find_groups(rows, thumbs[: len(rows)], clean)
    kept, copies = choose(rows, clean)
    rejected += copies
    if len(kept) + len(rejected) != len(placed):
        raise AssertionError(f"{len(kept)} kept + {len(rejected)} rejected != {len(placed)} files")
    manifest = kept.assign(
        phash=[f"{int(value):016x}" for value in kept["hash"]],
        group=pd.factorize(kept["group"])[0],
    )
    reasons = collections.Counter(row["reason"] for row in rejected)
    with atomic_folder(args.plots) as folder:
        draw(folder, args.raw, kept, rejected)
    tables.write_rejected(args.rejected, rejected)
    tables.write_manifest(args.manifest, manifest)
    write_json(
        args.metrics,
        {
            "files": len(files),
            "junk": len(files) - len(wanted),
            "outside_classes": len(outside),
            "kept": len(kept),
            "rejected": len(rejected),
            "rejected_by_reason": {reason: reasons[reason] for reason in tables.REASONS},
            "kept_by_class": {k: int(v) for k, v in kept["label"].value_counts().items()},
            "groups": int(manifest["group"].nunique()),
        },
    )
    told = ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items()))
    cli.summary(
        "clean", f"{len(kept):,} of {len(placed):,} pictures kept; {told or 'none'} rejected"
    )


if __name__ == "__main__":
    cli.run(main)
