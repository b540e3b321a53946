"""Trains a head on the maps, tunes the backbone if asked to, and saves the one complete model.

Reads:  --dataset; --features, the maps of its splits; --sampling, the rows of an epoch
Writes: --model, a folder: the model, its description, its weights alone and its summary;
        --history, a CSV with one row per epoch; --live, a folder: the same from DVCLive as
        training goes; --metrics
Params: seed, augment, oversample.method (smote mixes here), model, train, compute.threads
"""

from common import cli
from common.files import atomic_folder, write_json
from common.params import read_params
from common.tables.history import write_history
from networks.backbones.build import build_backbone
from networks.classifier import compose
from networks.heads import build_head
from networks.runtime import configure
from stages.train.data import open_data, val_maps
from stages.train.description import describe_model
from stages.train.hdf5 import save_hdf5
from stages.train.ineffective import ineffective_settings
from stages.train.linear_start import below_linear, below_linear_warning, possible_model
from stages.train.live import live_log
from stages.train.monitors import best_epoch
from stages.train.phases import plan_phases, train_head, train_on_pixels
from stages.train.saving import save_classifier
from stages.train.summary import count_parameters, metrics_of, summary_of
from stages.train.temperature import calibrate
from stages.train.trainable import set_trainable
from stages.train.weights_and_summary import save_weights_and_summary


def main(argv: list[str] | None = None) -> None:
    inputs = ("dataset", "features", "sampling")
    outputs = ("model", "history", "live", "metrics")
    args = cli.parse_paths(__doc__, argv, *inputs, *outputs)
    params = read_params(args.params)
    for sentence in ineffective_settings(params.model, params.train, params.augment.views):
        cli.warn("train", sentence)
    configure(params.seed, params.compute.threads)
    data = open_data(args.dataset, args.sampling, args.features)
    train = data.splits["train"]

    backbone = build_backbone(
        params.model.backbone,
        train.preprocessing.image_size,
        params.model.weights,
        params.model.layer,
    )
    set_trainable(backbone, params.model.trainable, params.model.weights)
    settings = possible_model(params.model)
    head = build_head(
        backbone.output_shape[1:], len(train.class_names), settings.attention, settings.head
    )

    phases = plan_phases(params.model, params.train)
    history, linear = [], None
    with live_log(args.live) as live:
        if phases.head:
            history, linear = train_head(
                phases.head, head, settings, data, params.oversample.method, params.seed, live
            )
        if phases.tuning:
            history = train_on_pixels(
                phases.tuning,
                backbone,
                head,
                params.augment,
                data,
                args.model.parent,
                params.seed,
                history,
                live,
            )
    best = best_epoch(history, params.train.monitor)
    if linear and below_linear(best, linear, params.train):
        cli.warn("train", below_linear_warning(best, linear))

    temperature = 1.0
    if params.train.calibration == "temperature":
        maps_at = val_maps(data, backbone, frozen=phases.tuning is None)
        temperature = calibrate(head, data.splits["val"].label, maps_at)

    model = compose(backbone, head)
    description = describe_model(
        train, params.seed, params.augment, params.model, params.train, temperature
    )
    with atomic_folder(args.model) as folder:
        save_weights_and_summary(folder, model)
        save_classifier(folder, model, description)
        if params.train.hdf5:
            save_hdf5(folder, model)
    write_history(args.history, history)
    parameters = count_parameters(backbone, head, model)
    metrics = metrics_of(history, best, parameters, temperature, linear)
    write_json(args.metrics, metrics)
    cli.summary("train", summary_of(metrics))


if __name__ == "__main__":
    cli.run(main)
