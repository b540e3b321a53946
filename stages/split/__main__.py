"""Divides the images into train, val and test, and resizes each of them once.

Reads:  --manifest; --raw, the files it names
Writes: --dataset, a folder: train, val and test as Parquet; leaks.csv;
        --metrics; --plots, a folder: images per class and split, a few of each class
Params: seed, split, clean.max_pixels
"""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from common import cli, images, tables
from common.errors import StageError
from common.files import atomic_folder, write_json
from common.params import read_params
from common.schema import Split
from stages.split import assign, plots


def drop_leaks(
    manifest: pd.DataFrame, split: pd.Series, leakage: str
) -> tuple[pd.DataFrame, pd.Series, list[dict]]:
    """Handles near copies across a given split as `split.leakage` says.

    Returns:
        The manifest and the split without the dropped rows, and the rows of leaks.csv.

    Raises:
        StageError: with the first leaks, where `leakage` is "error".
    """
    leaks = assign.find_leaks(manifest, split)
    if leaks and leakage == "error":
        pairs = "\n  ".join(
            f"{leak['path']} ({leak['split']}) ~ {leak['other_path']} ({leak['other_split']})"
            for leak in leaks[:10]
        )
        raise StageError(
            f"Expected no picture of one split to return in another (split.leakage: error). "
            f"Received {len(leaks)}:\n  {pairs}\nRemove one of each pair, or set split.leakage "
            "to drop_train."
        )
    action = "dropped" if leakage == "drop_train" else "kept"
    if leaks:
        cli.warn("split", f"{len(leaks)} near copies across the given split: {action}")
    if action == "dropped":
        gone = [leak["index"] for leak in leaks]
        manifest, split = manifest.drop(index=gone), split.drop(index=gone)
    return manifest, split, [leak | {"action": action} for leak in leaks]


def encoded(
    rows: pd.DataFrame, raw: Path, label_of: dict[str, int], split: Split, max_pixels: int
) -> Iterator[dict]:
    """Yields the rows of a dataset split: each image decoded, resized and encoded as PNG."""

    def convert(row) -> dict:
        try:
            image = images.load_pixels(
                (raw / row.path).read_bytes(), split.image_size, split.resize, max_pixels
            )
        except (images.ImageError, OSError) as error:
            raise StageError(
                f"Expected {raw / row.path} as the clean stage saw it. Received: {error}. The "
                "raw files were changed; run `dvc repro clean`."
            ) from None
        return {
            "png": images.encode_png(image),
            "path": row.path,
            "image_id": row.image_id,
            "label": label_of[row.label],
            "group": row.group,
        }

    return cli.parallel_map(convert, rows.itertuples())


def main(argv: list[str] | None = None) -> None:
    args = cli.parse_paths(__doc__, argv, "manifest", "raw", "dataset", "metrics", "plots")
    params = read_params(args.params)
    manifest = tables.read_manifest(args.manifest)
    n_images = len(manifest)
    class_names = sorted(manifest["label"].unique())
    if len(class_names) < 2:
        raise StageError(
            f"Expected pictures of at least two classes in {args.manifest}. Received: "
            f"{', '.join(class_names) or 'none'}. See data/clean/rejected.csv for what was dropped."
        )
    label_of = {name: index for index, name in enumerate(class_names)}
    split = assign.assign_splits(
        manifest, params.split.val, params.split.test, params.seed, params.split.assign
    )
    manifest, split, leaks = drop_leaks(manifest, split, params.split.leakage)
    counts = pd.crosstab(manifest["label"], split).reindex(
        index=class_names, columns=list(tables.SPLITS), fill_value=0
    )
    if (counts == 0).any(axis=None):
        raise StageError(f"After dropping leaks a class is missing from a split:\n{counts}")
    preprocessing = tables.Preprocessing(
        params.split.image_size, params.split.resize, params.clean.max_pixels
    )
    with atomic_folder(args.dataset) as dataset, atomic_folder(args.plots) as folder:
        for name in tables.SPLITS:
            rows = manifest[split == name]
            stream = encoded(rows, args.raw, label_of, params.split, params.clean.max_pixels)
            bar = cli.progress(stream, f"resizing {name}", len(rows))
            written = tables.write_dataset(dataset / name, class_names, preprocessing, bar)
            if written != len(rows):
                raise AssertionError(f"{written} pictures written of {len(rows)} in {name}")
        tables.write_leaks(dataset / "leaks.csv", leaks)
        plots.draw(folder, dataset, counts, params.seed)
    dropped = n_images - len(manifest)
    if int(counts.to_numpy().sum()) + dropped != n_images:
        raise AssertionError(f"{counts.to_numpy().sum()} + {dropped} dropped != {n_images}")
    groups = manifest.groupby(split)["group"].nunique()
    write_json(
        args.metrics,
        {
            name: {
                "n_examples": int(counts[name].sum()),
                "groups": int(groups[name]),
                "per_class": {label: int(counts.loc[label, name]) for label in class_names},
            }
            for name in tables.SPLITS
        }
        | {
            "n_classes": len(class_names),
            "pictures": n_images,
            "leaks": len(leaks),
            "dropped": dropped,
        },
    )
    sizes = ", ".join(f"{int(counts[name].sum()):,} {name}" for name in tables.SPLITS)
    height, width = params.split.image_size
    cli.summary("split", f"{sizes}; {len(class_names)} classes, {height}x{width} px")


if __name__ == "__main__":
    cli.run(main)
