"""Predicts with the trained model: probabilities of val and test, embeddings of all images.

With these, what follows needs neither TensorFlow nor the large maps.

Reads:  --dataset; --features, the maps of its splits, if the backbone is frozen; --model
Writes: --predictions, a folder with val.csv and test.csv, and where the model has a temperature
        test_before_temperature.csv; --embeddings, a folder with train.npy, val.npy and test.npy,
        float32 (n, channels): the mean over positions of each image's maps, what the head sees
        with its attention and pooling set aside; --metrics
Params: compute
"""

from common import cli
from common.files import atomic_folder, read_json, write_json
from common.params import read_params
from common.tables.dataset import PREDICTED_SPLITS, SPLITS, Dataset
from common.tables.predictions import BEFORE_TEMPERATURE_FILE, write_predictions
from networks.classifier import CARD_FILE, load_classifier
from networks.engine import choose_engine
from networks.runtime import configure
from stages.predict.inference import Inference
from stages.predict.summary import metrics_of, summary_of
from stages.predict.temperature import without_temperature


def main(argv: list[str] | None = None) -> None:
    args = cli.parse_paths(
        __doc__, argv, "dataset", "features", "model", "predictions", "embeddings", "metrics"
    )
    params = read_params(args.params)
    configure(0, params.compute.threads)  # nothing here is random
    classifier = load_classifier(args.model)
    temperature = read_json(args.model / CARD_FILE)["temperature"]
    engine = choose_engine(
        params.compute.engine_cpu,
        params.compute.precision,
        classifier.backbone_names,
        "predict",
    )
    inference = Inference(classifier, engine, params.compute.batch_size)
    splits = {name: Dataset(args.dataset / name) for name in SPLITS}
    with atomic_folder(args.predictions) as predictions, atomic_folder(args.embeddings) as embedded:
        for name, split in splits.items():
            heads = {f"{name}.csv": classifier.head} if name in PREDICTED_SPLITS else {}
            if name == "test" and temperature != 1.0:
                before = without_temperature(classifier.head, temperature)
                heads[BEFORE_TEMPERATURE_FILE] = before
            features, embeddings = args.features / f"{name}.npy", embedded / f"{name}.npy"
            answers = inference.run(split, features, embeddings, list(heads.values()))
            for file, probabilities in zip(heads, answers, strict=True):
                write_predictions(predictions / file, split, probabilities)
    sizes = {name: split.n for name, split in splits.items()}
    embedding_size = classifier.backbone.output_shape[-1]
    write_json(args.metrics, metrics_of(sizes, embedding_size))
    cli.summary("predict", summary_of(sizes))


if __name__ == "__main__":
    cli.run(main)
