"""Trains a head on the maps and saves the one complete model, pixels to probabilities.

Reads:  --dataset; --features, the maps of its splits; --sampling, the rows of an epoch
Writes: --model, a folder: the model, its card, its weights alone and its summary; --history, a CSV
        with one row per epoch; --plot, its curves; --drawing, the head's layers; --attention,
        a folder: where and at which channels it looks on validation pictures; --metrics
Params: seed, oversample.method (smote mixes here), model, train, compute.threads,
        split.image_size, split.resize, clean.max_pixels
"""

from pathlib import Path

import numpy as np

from stages.common import cli, plots, plots_layers, tables
from stages.common.errors import StageError
from stages.common.files import atomic_folder, write_json
from stages.common.params import read_params
from stages.common.sections import Model, Train
from stages.nn.attention_maps import draw_attention
from stages.nn.backbones import build_backbone
from stages.nn.classifier import compose, save_classifier
from stages.nn.description import boxes, save_description
from stages.nn.features import MapBatches, read_maps
from stages.nn.hdf5 import save_hdf5
from stages.nn.heads import build_head
from stages.nn.runtime import configure
from stages.nn.smote import find_mixtures
from stages.nn.training import best_epoch, fit


def warn_of_idle_settings(model: Model, train: Train) -> None:
    """Says which settings have no effect in the chosen mode."""
    if model.attention == "pool" and model.head.pooling != "avg":
        cli.warn("train", "model.head.pooling has no effect with model.attention: pool")
    if train.rise_epochs and train.schedule != "cosine":
        cli.warn("train", f"train.rise_epochs has no effect with schedule: {train.schedule}")
    if train.weight_decay and train.optimizer == "adam":
        cli.warn("train", "train.weight_decay has no effect with optimizer: adam; adamw has it")
    if train.schedule == "plateau" and train.plateau_patience >= train.patience:
        cli.warn(
            "train",
            f"train.plateau_patience: {train.plateau_patience} has no effect with "
            f"train.patience: {train.patience}, which ends the training first",
        )


def main(argv: list[str] | None = None) -> None:
    inputs = ("dataset", "features", "sampling")
    outputs = ("model", "history", "plot", "drawing", "attention", "metrics")
    args = cli.parse_paths(__doc__, argv, *inputs, *outputs)
    params = read_params(args.params)
    warn_of_idle_settings(params.model, params.train)
    configure(params.seed, params.compute.threads)
    splits, maps = {}, {}
    for name in ("train", "val"):
        splits[name] = tables.Dataset(args.dataset / name)
        maps[name] = read_maps(Path(args.features) / f"{name}.npy", splits[name])
    class_names = splits["train"].class_names
    sampling = {
        "train": tables.read_sampling(args.sampling),
        "val": tables.Sampling.plain(splits["val"].n),
    }
    mixtures = {}
    if params.oversample.method == "smote":
        rows, occurrences, _ = sampling["train"]
        label = splits["train"].label
        mixtures["train"] = find_mixtures(maps["train"], label, rows, occurrences, params.seed)
    batches = {
        name: MapBatches(
            maps[name],
            splits[name].label,
            len(class_names),
            sampling[name],
            params.train.batch_size,
            params.seed,
            mixtures.get(name),
        )
        for name in splits
    }
    # Before the head, so that weights: none draws the same numbers as in the extract stage.
    backbone = build_backbone(
        params.model.backbone, params.split.image_size, params.model.weights, params.model.layer
    )
    map_shape = maps["train"].shape[2:]
    if backbone.output_shape[1:] != map_shape:
        raise StageError(
            f"Expected maps of {params.model.backbone}, {backbone.output_shape[1:]}. Received: "
            f"{map_shape} in {args.features}. Run `dvc repro extract`."
        )
    head = build_head(map_shape, len(class_names), params.model.attention, params.model.head)
    history = fit(head, params.train, batches["train"], batches["val"])
    best = best_epoch(history, params.train.monitor)
    with atomic_folder(args.model) as folder:
        model = compose(backbone, head)
        save_description(folder, model)
        save_classifier(
            folder,
            model,
            {
                "class_names": class_names,
                "image_size": list(params.split.image_size),
                "resize": params.split.resize,
                "max_pixels": params.clean.max_pixels,
                "params": params.model.model_dump(),
            },
        )
        if params.train.hdf5:
            save_hdf5(folder, model)
    tables.write_history(args.history, history)
    columns = {name: [row[name] for row in history] for name in history[0]}
    loss_name = "focal" if params.train.loss == "focal" else "cross-entropy"
    plots.history(args.plot, columns, best["epoch"], loss_name)
    kind = f"Head on {params.model.backbone}: {head.count_params():,} parameters"
    plots_layers.layers(args.drawing, kind, boxes(head))
    draw_attention(
        args.attention,
        head,
        splits["val"],
        lambda rows: maps["val"][rows, 0].astype(np.float32),
    )
    kept = {name: value for name, value in best.items() if name not in ("epoch", "learning_rate")}
    write_json(
        args.metrics,
        {
            "epochs": len(history),
            "best_epoch": best["epoch"],
            "head_parameters": head.count_params(),
            "backbone_parameters": backbone.count_params(),
        }
        | kept,
    )
    cli.summary(
        "train",
        f"{head.count_params():,} parameters, {len(history)} epochs, best {best['epoch']}: "
        f"val_loss {best['val_loss']:.4f}, val_accuracy {best['val_accuracy']:.4f}",
    )


if __name__ == "__main__":
    cli.run(main)
