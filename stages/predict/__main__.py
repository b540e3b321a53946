"""Asks the trained model: probabilities of val and test, pooled maps of all images.

With these two, all later judging needs neither TensorFlow nor the large maps.

Reads:  --dataset; --features, the maps of its splits, if the backbone is frozen; --model
Writes: --predictions, a folder with val.csv and test.csv; --embeddings, a folder with train.npy,
        val.npy and test.npy, float32 (n, channels): the mean over positions of each image's
        maps, what the head sees with its attention and pooling set aside; --metrics
Params: compute
"""

import numpy as np

from common import cli, tables
from common.embeddings import write_embeddings
from common.files import atomic_folder, write_json
from common.params import read_params
from networks.classifier import load_classifier
from networks.maps import pool_maps, predict, read_maps
from networks.pixels import pool_pixels, predict_pixels
from networks.runtime import configure

JUDGED = ("val", "test")


def main(argv: list[str] | None = None) -> None:
    args = cli.parse_paths(
        __doc__, argv, "dataset", "features", "model", "predictions", "embeddings", "metrics"
    )
    params = read_params(args.params)
    batch_size = params.compute.batch_size
    configure(0, params.compute.threads)  # nothing here is random
    classifier = load_classifier(args.model)
    splits = {name: tables.Dataset(args.dataset / name) for name in tables.SPLITS}
    with (
        atomic_folder(args.predictions) as predictions,
        atomic_folder(args.embeddings) as embeddings,
    ):
        for name, split in splits.items():
            cached = args.features / f"{name}.npy"
            maps = read_maps(cached, split) if classifier.frozen else None
            if maps is not None:
                pooled = pool_maps(maps, batch_size)
            else:
                pooled = pool_pixels(classifier.backbone, split, batch_size)
            write_embeddings(embeddings / f"{name}.npy", pooled, split.n)
            if name not in JUDGED:
                continue
            if maps is not None:
                found = predict(classifier.head, maps, batch_size)
            else:
                found = predict_pixels(classifier.model, split, batch_size)
            tables.write_predictions(predictions / f"{name}.csv", split, found.astype(np.float64))
    write_json(
        args.metrics,
        {
            "pictures": {name: splits[name].n for name in JUDGED},
            "embedding_size": classifier.backbone.output_shape[-1],
        },
    )
    counts = " and ".join(f"{splits[name].n:,} of {name}" for name in JUDGED)
    cli.summary("predict", f"{counts} predicted; {splits['train'].n:,} of train embedded, too")


if __name__ == "__main__":
    cli.run(main)
