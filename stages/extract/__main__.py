"""Runs every distinct image through the frozen backbone once per view, and keeps its maps.

Reads:  --dataset, a folder with train, val and test
Writes: --features, a folder with train.npy, val.npy and test.npy; --metrics
Params: seed, augment, compute, model.backbone, model.weights, model.layer, model.trainable
"""

from pathlib import Path

import numpy as np

from common import cli, tables
from common.files import atomic_folder, write_json
from common.params import read_params
from common.schema import Augment
from common.values import as_list
from networks.augment import build_augmenter, chosen_steps
from networks.backbones.build import build_backbone
from networks.maps import caches_maps, write_maps
from networks.runtime import configure

NO_MAPS_FILE = "no_maps.txt"
NO_MAPS = "The backbone starts from random weights and is trained itself: no maps to cache.\n"
CHECKED = 100  # images whose maps are compared


def warn_of_idle_settings(augment: Augment, trainable: str | int) -> None:
    """Says which settings have no effect in the chosen mode."""
    steps = [f"augment.{name}" for name in chosen_steps(augment)]
    if steps and augment.views == 1 and trainable == "none":
        verb = "has" if len(steps) == 1 else "have"
        cli.warn(
            "extract",
            f"{', '.join(steps)} {verb} no effect with augment.views: 1, unless the backbone is "
            "tuned (model.trainable)",
        )


def warn_of_equal_maps(features: Path) -> None:
    """Says so where the maps of training images do not differ, as far as CHECKED of them tell."""
    maps = np.load(features, mmap_mode="r")
    rows = np.linspace(0, len(maps) - 1, min(CHECKED, len(maps))).astype(int)
    pooled = np.stack([maps[row, 0].mean(axis=(0, 1), dtype=np.float32) for row in rows])
    if np.ptp(pooled, axis=0).max() == 0:
        cli.warn(
            "extract",
            "the maps are the same for every picture, so nothing can be learned from them; an "
            "untrained backbone (model.weights: none) often does that",
        )


def main(argv: list[str] | None = None) -> None:
    args = cli.parse_paths(__doc__, argv, "dataset", "features", "metrics")
    params = read_params(args.params)
    warn_of_idle_settings(params.augment, params.model.trainable)
    configure(params.seed, params.compute.threads)
    splits = {name: tables.Dataset(args.dataset / name) for name in tables.SPLITS}
    train = splits["train"]
    backbone = build_backbone(
        params.model.backbone,
        train.preprocessing.image_size,
        params.model.weights,
        params.model.layer,
    )
    augmenter = build_augmenter(params.augment, params.seed)
    cached = caches_maps(params.model.trainable, params.model.weights)
    shapes = {}
    with atomic_folder(args.features) as folder:
        for name, split in splits.items() if cached else ():
            views = params.augment.views if name == "train" else 1
            shapes[name] = write_maps(
                folder / f"{name}.npy",
                backbone,
                split,
                augmenter,
                views,
                params.compute.batch_size,
            )
        if cached:
            warn_of_equal_maps(folder / "train.npy")
        else:
            (folder / NO_MAPS_FILE).write_text(NO_MAPS, encoding="utf-8")
    network = " + ".join(as_list(params.model.backbone))
    passes = sum(shape[0] * shape[1] for shape in shapes.values())
    size = sum(int(np.prod(shape)) * 2 for shape in shapes.values())
    write_json(
        args.metrics,
        {
            "backbone": network,
            "parameters": backbone.count_params(),
            "map_shape": list(backbone.output_shape[1:]),
            "views": params.augment.views if cached else None,
            "pictures": {name: split.n for name, split in splits.items()},
            "bytes": size,
        },
    )
    shape = "x".join(str(part) for part in backbone.output_shape[1:])
    done = f"{passes:,} views through {network}, maps {shape}, {size / 1e6:,.0f} MB"
    cli.summary("extract", done if cached else f"nothing to cache: {network} starts from random")


if __name__ == "__main__":
    cli.run(main)
