"""Trains a head on the maps, tunes the backbone if asked to, and saves the one complete model.

Reads:  --dataset; --features, the maps of its splits; --sampling, the rows of an epoch
Writes: --model, a folder: the model, its card, its weights alone and its summary; --history, a CSV
        with one row per epoch; --live, a folder: the same from DVCLive as training goes; --metrics
Params: seed, augment, oversample.method (smote mixes here), model, train, compute.threads
"""

import numpy as np

from common import cli, tables
from common.errors import StageError
from common.files import atomic_folder, write_json
from common.params import Params, read_params
from networks.augment import build_augmenter, build_mixer
from networks.backbones.build import build_backbone
from networks.blocks import set_trainable
from networks.classifier import compose, save_classifier
from networks.heads import build_head
from networks.maps import cached_maps, map_batches, pretrained, read_maps
from networks.pixels import fresh_maps, pixel_batches
from networks.runtime import configure
from stages.train.description import save_description
from stages.train.fitting import best_epoch, fit
from stages.train.hdf5 import save_hdf5
from stages.train.ineffective import idle_settings
from stages.train.live import live_log
from stages.train.smote import find_mixtures
from stages.train.temperature import calibrate
from stages.train.tuning import TunedNetwork, tune, warmup_epochs, warmup_settings

NO_METRICS = ("epoch", "learning_rate", "phase")  # columns of the history


def card_of(dataset: tables.Dataset, params: Params, temperature: float) -> dict:
    """What a reader of the model must know beside it."""
    return {
        "class_names": dataset.class_names,
        **dataset.preprocessing._asdict(),
        "frozen": params.model.trainable == "none",
        "temperature": temperature,  # by which the logits have been divided after training
        "params": {
            "seed": params.seed,
            "augment": params.augment.model_dump(),
            "model": params.model.model_dump(),
            "train": params.train.model_dump(),
        },
    }


def main(argv: list[str] | None = None) -> None:
    inputs = ("dataset", "features", "sampling")
    outputs = ("model", "history", "live", "metrics")
    args = cli.parse_paths(__doc__, argv, *inputs, *outputs)
    params = read_params(args.params)
    for text in idle_settings(params.model, params.train, params.augment.views):
        cli.warn("train", text)
    configure(params.seed, params.compute.threads)
    splits = {name: tables.Dataset(args.dataset / name) for name in ("train", "val")}
    class_names = splits["train"].class_names
    sampling = {
        "train": tables.read_sampling(args.sampling),
        "val": tables.Sampling.plain(splits["val"].n),
    }
    # Before the head, so that weights: none draws the same numbers as in the extract stage.
    backbone = build_backbone(
        params.model.backbone,
        splits["train"].preprocessing.image_size,
        params.model.weights,
        params.model.layer,
    )
    name = " + ".join(params.model.backbones)
    set_trainable(backbone, params.model.trainable, params.model.weights)
    map_shape = backbone.output_shape[1:]
    head = build_head(map_shape, len(class_names), params.model.attention, params.model.head)
    tuned = params.model.trainable != "none"
    warmup = warmup_epochs(params.train, pretrained(params.model.weights))
    history = []
    maps_at = fresh_maps(backbone, splits["val"])
    with live_log(args.live) as live:
        if not tuned or warmup:
            maps = {name: read_maps(args.features / f"{name}.npy", splits[name]) for name in splits}
            if maps["train"].shape[2:] != map_shape:
                raise StageError(
                    f"Expected maps of {name}, {map_shape}. Received: {maps['train'].shape[2:]} in "
                    f"{args.features}. Run `dvc repro extract`."
                )
            mixtures = {}
            if params.oversample.method == "smote":
                rows, occurrences, _ = sampling["train"]
                label = splits["train"].label
                found = find_mixtures(maps["train"], label, rows, occurrences, params.seed)
                mixtures["train"] = found
            batches = map_batches(
                maps, splits, sampling, params.train.batch_size, params.seed, mixtures
            )
            settings = warmup_settings(params.train, warmup) if tuned else params.train
            history = fit(head, settings, batches["train"], batches["val"], live=live)
            maps_at = maps_at if tuned else cached_maps(maps["val"])
        if tuned:
            augmenter = build_augmenter(params.augment, params.seed)
            mixer = build_mixer(params.augment, params.seed)
            batches = pixel_batches(
                splits, sampling, params.train.batch_size, params.seed, args.model.parent
            )
            network = TunedNetwork(backbone, head, augmenter, mixer)
            history = tune(
                network,
                params.train,
                pretrained(params.model.weights),
                batches["train"],
                batches["val"],
                history,
                live,
            )
    best = best_epoch(history, params.train.monitor)
    temperature = 1.0
    if params.train.calibration == "temperature":
        temperature = calibrate(head, splits["val"].label, maps_at)
    model = compose(backbone, head)
    with atomic_folder(args.model) as folder:
        save_description(folder, model)
        save_classifier(folder, model, card_of(splits["train"], params, temperature))
        if params.train.hdf5:
            save_hdf5(folder, model)
    tables.write_history(args.history, history)
    trained = sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
    kept = {name: value for name, value in best.items() if name not in NO_METRICS}
    write_json(
        args.metrics,
        {
            "epochs": len(history),
            "best_epoch": best["epoch"],
            "head_parameters": head.count_params(),
            "backbone_parameters": backbone.count_params(),
            "trained_parameters": trained,
            # The losses below are those of the kept epoch, before the temperature.
            "temperature": temperature,
        }
        | kept,
    )
    cli.summary(
        "train",
        f"{trained:,} parameters trained, {len(history)} epochs, best {best['epoch']}: "
        f"val_loss {best['val_loss']:.4f}, val_accuracy {best['val_accuracy']:.4f}",
    )


if __name__ == "__main__":
    cli.run(main)
