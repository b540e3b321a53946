"""Runs every distinct image through the frozen backbone once per view, and keeps its maps.

Reads:  --dataset, a folder with train, val and test
Writes: --features, a folder with the maps in train.npy, val.npy and test.npy, their means over
        positions in train_pooled.npy, val_pooled.npy and test_pooled.npy, and of those of train
        the mean and deviation of each channel in moments.npy; --metrics
Params: seed, augment, compute, model.backbone, model.weights, model.layer, model.trainable
"""

from common import cli
from common.files import atomic_folder, write_json
from common.params import read_params
from common.tables.dataset import SPLITS, Dataset
from common.values import as_list
from networks.augment import Augmenter
from networks.backbones.build import build_backbone
from networks.engine import choose_engine, frozen_backbone
from networks.maps import caches_maps
from networks.runtime import configure
from stages.extract.advice import EQUAL_MAPS, ineffective_settings, maps_are_equal
from stages.extract.maps import write_maps
from stages.extract.summary import metrics_of, summary_of

NO_MAPS_FILE = "no_maps.txt"
NO_MAPS = "The backbone starts from random weights and is trained itself: no maps to cache.\n"


def main(argv: list[str] | None = None) -> None:
    args = cli.parse_paths(__doc__, argv, "dataset", "features", "metrics")
    params = read_params(args.params)
    for text in ineffective_settings(params.augment, params.model.trainable):
        cli.warn("extract", text)
    configure(params.seed, params.compute.threads)
    splits = {name: Dataset(args.dataset / name) for name in SPLITS}
    image_size = splits["train"].preprocessing.image_size
    backbone = build_backbone(
        params.model.backbone, image_size, params.model.weights, params.model.layer
    )
    augmenter, names = Augmenter(params.augment, params.seed), as_list(params.model.backbone)
    engine = choose_engine(params.compute.engine_cpu, params.compute.precision, names, "extract")
    shapes = {}
    with atomic_folder(args.features) as folder:
        if caches_maps(params.model.trainable, params.model.weights):
            network = frozen_backbone(backbone, engine)
            for name, split in splits.items():
                views = params.augment.views if name == "train" else 1
                file = folder / f"{name}.npy"
                batch_size = params.compute.batch_size
                shapes[name] = write_maps(file, network, split, augmenter, views, batch_size)
            if maps_are_equal(folder / "train.npy"):
                cli.warn("extract", EQUAL_MAPS)
        else:
            (folder / NO_MAPS_FILE).write_text(NO_MAPS, encoding="utf-8")
    map_shape = backbone.output_shape[1:]
    n_images = {name: split.n for name, split in splits.items()}
    metrics = metrics_of(names, backbone.count_params(), map_shape, shapes, n_images, engine)
    write_json(args.metrics, metrics)
    cli.summary("extract", summary_of(names, map_shape, shapes, engine))


if __name__ == "__main__":
    cli.run(main)
