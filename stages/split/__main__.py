"""Divides the images into train, val and test, and resizes each of them once.

Reads:  --manifest; --raw, the files it names
Writes: --dataset, a folder: train, val and test as Parquet; leaks.csv;
        --metrics; --plots, a folder: images per class and split, a few of each class
Params: seed, split, clean.max_pixels
"""

from common import cli
from common.files import atomic_folder, write_json
from common.params import read_params
from common.tables.dataset import SPLITS, write_dataset
from common.tables.manifest import read_greys, read_manifest
from stages.split import plots
from stages.split.assign import assign_splits
from stages.split.leaks import in_split, resolve_leaks, write_leaks
from stages.split.resizing import preprocessing_of, resized_rows
from stages.split.summary import class_names_of, count_images, metrics_of, summary_of


def main(argv: list[str] | None = None) -> None:
    args = cli.parse_paths(__doc__, argv, "manifest", "raw", "dataset", "metrics", "plots")
    params = read_params(args.params)
    manifest = read_manifest(args.manifest)
    class_names = class_names_of(manifest, args.manifest)
    # Leaks first: val is drawn from what is left.
    kept, leaks = resolve_leaks(manifest, params.split.leakage)
    split = assign_splits(
        kept, params.split.val, params.split.test, params.seed, params.split.assign
    )
    leaks = in_split(leaks, split)
    if leaks:
        action = leaks[0]["action"]
        cli.warn("split", f"{len(leaks)} near copies across the given split: {action}")
    counts = count_images(kept, split, class_names)
    greys = read_greys(args.manifest)
    preprocessing = preprocessing_of(params.split, params.clean.max_pixels, greys)
    with atomic_folder(args.dataset) as dataset, atomic_folder(args.plots) as folder:
        for name in SPLITS:
            rows = kept[split == name]
            resized = resized_rows(rows, args.raw, class_names, preprocessing)
            bar = cli.progress(resized, f"resizing {name}", len(rows))
            written = write_dataset(dataset / name, class_names, preprocessing, bar)
            if written != len(rows):
                raise AssertionError(f"{written} images written of {len(rows)} in {name}")
        write_leaks(dataset / "leaks.csv", leaks)
        plots.draw(folder, dataset, counts, params.seed)
    metrics = metrics_of(kept, split, counts, leaks)
    if metrics["pictures"] != len(manifest):
        raise AssertionError(f"{metrics['pictures']} images kept or dropped of {len(manifest)}")
    write_json(args.metrics, metrics)
    cli.summary("split", summary_of(metrics, params.split.image_size))


if __name__ == "__main__":
    cli.run(main)
