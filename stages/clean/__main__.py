"""Labels and decodes every file, and drops those that are no usable image or a copy, with reasons.

Reads:  --raw, files in class folders or with label tables, as labels/read.py reads them
Writes: --manifest, one row per image kept; --rejected, one row per file dropped; --metrics;
        --plots, a folder: counts, sizes and contact sheets, as plots.py draws them
Params: clean; data.labels and the names of its columns
"""

import functools

from common import cli
from common.files import atomic_folder, write_json
from common.junk import is_junk
from common.params import read_params
from common.tables.manifest import write_manifest
from common.tables.rejected import write_rejected
from stages.clean import plots, quality
from stages.clean.decoding import decode_all, greys_of_set, scratch_thumbs
from stages.clean.duplicates.best import keep_best
from stages.clean.duplicates.groups import group_copies
from stages.clean.labels.read import read_labels
from stages.clean.labels.table import Columns
from stages.clean.missing_classes import require_classes
from stages.clean.rows import manifest_rows
from stages.clean.summary import metrics_of, summary_of, words_of_greys


def main(argv: list[str] | None = None) -> None:
    args = cli.parse_paths(__doc__, argv, "raw", "manifest", "rejected", "metrics", "plots")
    params = read_params(args.params)
    clean = params.clean
    files = sorted(p.relative_to(args.raw).as_posix() for p in args.raw.rglob("*") if p.is_file())
    candidates = [path for path in files if not is_junk(path)]
    columns = Columns(params.data.image_column, params.data.label_column, params.data.split_column)
    labels = read_labels(args.raw, candidates, columns, params.data.labels, params.data.splits)
    for warning in labels.warnings:
        cli.warn("clean", warning)
    check = functools.partial(
        require_classes, [file.label for file in labels.labelled], table=str(args.rejected)
    )
    paths = [file.path for file in labels.labelled]
    greys = greys_of_set(args.raw, paths, clean.max_pixels)
    for warning in words_of_greys(greys):
        cli.warn("clean", warning)
    with scratch_thumbs(len(paths)) as thumbs:
        images, rejected = decode_all(args.raw, labels.labelled, clean, greys, thumbs)
        write_rejected(args.rejected, rejected)
        check(images["label"] if len(images) else [], rejected, "drop")
        images["group"] = group_copies(images, thumbs[: len(images)], clean)
    kept, copies = keep_best(images, clean)
    kept = quality.add_flags(kept, clean.quality)
    rejected += copies
    write_rejected(args.rejected, rejected)
    for warning in check(kept["label"], rejected, clean.missing_classes):
        cli.warn("clean", warning)
    metrics = metrics_of(len(files), len(files) - len(candidates), labels, kept, rejected)
    with atomic_folder(args.plots) as folder:
        plots.draw(folder, args.raw, kept, rejected, clean, greys)
    write_manifest(args.manifest, manifest_rows(kept), greys)
    write_json(args.metrics, metrics)
    cli.summary("clean", summary_of(metrics))


if __name__ == "__main__":
    cli.run(main)
