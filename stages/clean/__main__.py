"""Labels and decodes every file, drops what is no usable image or a copy, and says why.

Reads:  --raw, files in class folders or with label tables, as common/labels.py reads them
Writes: --manifest, one row per image kept; --rejected, one row per file dropped; --metrics;
        --plots, a folder: counts, sizes and contact sheets, as plots.py draws them
Params: clean; data.labels and the names of its columns
"""

import collections
import tempfile

import numpy as np
import pandas as pd

from common import cli, tables
from common.errors import StageError
from common.files import atomic_folder, write_json
from common.junk import is_junk
from common.params import read_params
from common.reasons import REASONS
from common.schema import Clean
from stages.clean import inspection, plots, quality
from stages.clean.duplicates import groups
from stages.clean.labels.read import read_labels
from stages.clean.labels.table import Columns


def find_groups(rows: pd.DataFrame, thumbs: np.ndarray, clean: Clean) -> np.ndarray:
    """Number of each image's group of equal or nearly equal images, int64 (n,), from 0."""
    exact = pd.factorize(rows["sha256"])[0]
    if clean.near_duplicates == "off":
        return exact
    near = groups.find_groups(
        rows["hash"].to_numpy(np.uint64),
        rows["mirror"].to_numpy(np.uint64),
        thumbs,
        hash_distance=clean.hash_distance,
        correlation=clean.correlation,
        correlation_loose=clean.correlation_loose,
        agreement=clean.agreement,
    )
    # Images without detail are never near copies of each other, but equal bytes always are one.
    first = np.unique(exact, return_index=True)[1]
    return pd.factorize(near[first[exact]])[0]


def choose(rows: pd.DataFrame, clean: Clean) -> tuple[pd.DataFrame, list[dict]]:
    """Keeps the best image of every group; returns (kept rows, rows of the reject table).

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
                "group": row.group,  # for the plots; the table has no such column
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


def main(argv: list[str] | None = None) -> None:
    args = cli.parse_paths(__doc__, argv, "raw", "manifest", "rejected", "metrics", "plots")
    params = read_params(args.params)
    clean = params.clean
    files = sorted(p.relative_to(args.raw).as_posix() for p in args.raw.rglob("*") if p.is_file())
    wanted = [path for path in files if not is_junk(path)]
    columns = Columns(params.data.image_column, params.data.label_column, params.data.split_column)
    labelled = read_labels(args.raw, wanted, columns, params.data.labels)
    placed = labelled.placed
    for warning in labelled.warnings:
        cli.warn("clean", warning)
    with tempfile.TemporaryFile() as scratch:
        shape = (len(placed), groups.THUMB, groups.THUMB)
        thumbs = np.memmap(scratch, np.uint8, "w+", shape=shape)
        rows, rejected = inspection.inspect_all(args.raw, placed, clean, thumbs)
        usable = set() if rows.empty else set(rows["label"])
        if len(usable) < 2:
            reasons = collections.Counter(row["reason"] for row in rejected)
            raise StageError(
                f"Expected usable pictures of at least two classes in {args.raw}. Received: "
                f"{sorted(usable) or 'none'}; rejected files by reason: {dict(reasons)}."
            )
        rows["group"] = find_groups(rows, thumbs[: len(rows)], clean)
    kept, copies = choose(rows, clean)
    kept = quality.add_flags(kept, clean.quality)
    rejected += copies
    if len(kept) + len(rejected) != len(placed):
        raise AssertionError(f"{len(kept)} kept + {len(rejected)} rejected != {len(placed)} files")
    apart = len(labelled.outside) + len(labelled.tables) + len(labelled.unlisted)
    if len(placed) + apart != len(wanted):
        raise AssertionError(f"{len(placed)} labelled + {apart} apart != {len(wanted)} files")
    manifest = kept.assign(
        phash=[f"{int(value):016x}" for value in kept["hash"]],
        group=pd.factorize(kept["group"])[0],
    )
    reasons = collections.Counter(row["reason"] for row in rejected)
    with atomic_folder(args.plots) as folder:
        plots.draw(folder, args.raw, kept, rejected, clean)
    tables.write_rejected(args.rejected, rejected)
    tables.write_manifest(args.manifest, manifest)
    write_json(
        args.metrics,
        {
            "files": len(files),
            "junk": len(files) - len(wanted),
            "outside_classes": len(labelled.outside),
            "label_tables": len(labelled.tables),
            "unlisted": len(labelled.unlisted),
            "listed_but_missing": labelled.missing,
            "kept": len(kept),
            "rejected": len(rejected),
            "rejected_by_reason": {reason: reasons[reason] for reason in REASONS},
            "kept_by_class": {k: int(v) for k, v in kept["label"].value_counts().items()},
            "groups": int(manifest["group"].nunique()),
        }
        | quality.count_flags(kept),
    )
    told = ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items()))
    cli.summary(
        "clean", f"{len(kept):,} of {len(placed):,} pictures kept; {told or 'none'} rejected"
    )


if __name__ == "__main__":
    cli.run(main)
