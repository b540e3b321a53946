"""Small synthetic image sets, parameters, and the stages run on them."""

import io
from importlib import import_module
from pathlib import Path

import numpy as np
from PIL import Image
from ruamel.yaml import YAML

from common.tables import Preprocessing

ROOT = Path(__file__).parents[2]
THREADS = 2
PREPROCESSING = Preprocessing((64, 64), "stretch", 1_000_000)  # of datasets made by tests


def make_image(seed, size=(60, 48), colour=None) -> Image.Image:
    """A random image of soft shapes, unlike any other seed's; `colour` tints it."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (6, 6, 3), dtype=np.uint8)
    image = Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)
    if colour is not None:
        image = Image.blend(image, Image.new("RGB", size, colour), 0.5)
    return image


def image_bytes(image: Image.Image, encoding="PNG", **options) -> bytes:
    stream = io.BytesIO()
    image.save(stream, format=encoding, **options)
    return stream.getvalue()


COLOURS = {"cat": "red", "dog": "blue", "owl": "green"}


def write_images(folder: Path, counts: dict[str, int], start=0) -> Path:
    """Writes `counts[label]` distinct PNGs into `folder/label` for each label."""
    for number, (label, count) in enumerate(counts.items()):
        (folder / label).mkdir(parents=True, exist_ok=True)
        colour = COLOURS.get(label.split("/")[-1])
        for index in range(count):
            image = make_image([start, number, index], colour=colour)
            (folder / label / f"{index:03d}.png").write_bytes(image_bytes(image))
    return folder


def write_params(path: Path, **changes) -> Path:
    """The project's params.yaml with some values changed: `split__val=0.2` for split.val."""
    yaml = YAML()
    content = yaml.load(ROOT / "params.yaml")
    for name, value in changes.items():
        *parents, last = name.split("__")
        section = content
        for parent in parents:
            section = section[parent]
        assert last in section, name
        section[last] = value
    yaml.dump(content, path)
    return path


SMALL = {
    "data__source": "path",
    "split__image_size": [64, 64],
    "train__epochs": 12,
    "train__learning_rate": 0.005,
    "compute__threads": THREADS,
    "compute__batch_size": 16,
    "gradcam__per_class": 2,
    "gradcam__faithfulness_images": 6,
}


class Run:
    """The stages' own main functions, on paths below one folder."""

    def __init__(self, folder: Path, params: Path):
        self.folder, self.params = folder, params

    def path(self, name: str) -> Path:
        return self.folder / name

    def stage(self, name: str, **flags) -> None:
        words = [f"--params={self.params}"]
        words += [f"--{flag}={self.folder / value}" for flag, value in flags.items()]
        import_module(f"stages.{name}.__main__").main(words)

    def download(self, source="source"):
        self.stage(
            "download", source=source, out="raw", metrics="m/download.json", plot="p/files.png"
        )

    def clean(self):
        self.stage(
            "clean",
            raw="raw",
            manifest="clean/manifest.parquet",
            rejected="clean/rejected.csv",
            metrics="m/clean.json",
            plots="p/clean",
        )

    def split(self):
        self.stage(
            "split",
            manifest="clean/manifest.parquet",
            raw="raw",
            dataset="dataset",
            metrics="m/split.json",
            plots="p/split",
        )

    def oversample(self):
        self.stage(
            "oversample",
            train="dataset/train",
            sampling="sampling.parquet",
            metrics="m/oversample.json",
            plot="p/oversample.png",
        )

    def extract(self):
        self.stage(
            "extract",
            dataset="dataset",
            features="features",
            metrics="m/extract.json",
        )

    def train(self):
        self.stage(
            "train",
            dataset="dataset",
            features="features",
            sampling="sampling.parquet",
            model="models/classifier",
            history="history.csv",
            live="live",
            metrics="m/train.json",
        )

    def inspect(self):
        self.stage(
            "inspect",
            dataset="dataset",
            features="features",
            model="models/classifier",
            history="history.csv",
            training="m/train.json",
            plots="p/inspect",
        )

    def predict(self):
        self.stage(
            "predict",
            dataset="dataset",
            features="features",
            model="models/classifier",
            predictions="predictions",
            embeddings="embeddings",
            metrics="m/predict.json",
        )

    def evaluate(self):
        self.stage(
            "evaluate",
            dataset="dataset",
            predictions="predictions",
            manifest="clean/manifest.parquet",
            card="models/classifier/classifier.json",
            metrics="m/evaluate.json",
            evaluation="evaluation",
            decision="models/decision.json",
            curves="curves",
            plots="p/evaluate",
        )

    def diagnose(self):
        self.stage(
            "diagnose",
            dataset="dataset",
            predictions="predictions",
            embeddings="embeddings",
            diagnosis="diagnosis",
            plots="p/diagnose",
            metrics="m/diagnose.json",
        )

    def gradcam(self):
        self.stage(
            "gradcam",
            dataset="dataset",
            model="models/classifier",
            predictions="predictions",
            plots="p/gradcam",
            metrics="m/gradcam.json",
        )
