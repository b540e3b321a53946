"""Draws what extract and train made: augmented views, learning curves, architecture, attention.

Reads:  --dataset; --features, the maps of val, if the backbone is frozen; --model; --history, the
        CSV of the training; --training, its metrics, for the epoch that was kept
Writes: --plots, a folder: views.png, augmented training images; history.png, loss and accuracy by
        epoch; architecture.png; attention/, where and at which channels the head looks on
        validation images
Params: seed, augment, model.backbone, model.trainable, train.loss, compute.threads
"""

from common import cli
from common.files import atomic_folder, read_json
from common.params import read_params
from common.tables.dataset import Dataset
from common.tables.history import read_history
from common.values import as_list
from networks.classifier import load_classifier
from networks.maps import cached_maps, read_maps
from networks.pixels import fresh_maps
from networks.runtime import configure
from stages.inspect.architecture import architecture, draw_architecture
from stages.inspect.attention import draw_attention
from stages.inspect.history import draw_history
from stages.inspect.views import draw_views


def main(argv: list[str] | None = None) -> None:
    inputs = ("dataset", "features", "model", "history", "training")
    args = cli.parse_paths(__doc__, argv, *inputs, "plots")
    params = read_params(args.params)
    configure(params.seed, params.compute.threads)
    train, val = (Dataset(args.dataset / name) for name in ("train", "val"))
    classifier = load_classifier(args.model)
    backbone, head = classifier.backbone, classifier.head
    if classifier.frozen:
        maps_at = cached_maps(read_maps(args.features / "val.npy", val))
    else:
        maps_at = fresh_maps(backbone, val)
    best_epoch = read_json(args.training)["best_epoch"]
    boxes = architecture(backbone, head, as_list(params.model.backbone))
    with atomic_folder(args.plots) as folder:
        draw_views(folder / "views.png", train, params.augment, params.model.trainable, params.seed)
        history = read_history(args.history)
        draw_history(folder / "history.png", history, best_epoch, params.train.loss)
        draw_architecture(folder / "architecture.png", boxes, classifier.model.count_params())
        draw_attention(folder / "attention", head, val, maps_at)
    cli.summary("inspect", f"views, history, architecture and attention drawn in {args.plots}")


if __name__ == "__main__":
    cli.run(main)
