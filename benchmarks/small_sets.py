"""The head against logistic regression, on random subsets of sets whose maps are extracted.

    python -m benchmarks.small_sets FOLDER ... [--images 5 10 20 50] [--draws 20]
        [-S NAME=VALUE ...] [--results FILE]

Each FOLDER is a project in which `dvc repro extract` has run. Of its train, `--images` of each
class are drawn, and for the choice of the epoch as many of its val as the shares of the splits
ask for; scores are those on all of its test. Every draw is trained with params.yaml, changed by
`-S`, and the same draw by logistic regression alone, on the same pooled maps. A last round takes
all images.
"""

import argparse
import json
import tempfile
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
import pandas as pd

from common.cli import progress, run
from common.metrics import averages
from common.params import Params, read_params
from common.tables.dataset import Dataset
from common.tables.sampling import Sampling
from common.turns import occurrences
from networks.forward import inference
from networks.heads import build_head
from networks.maps import MOMENTS_FILE, pooled_file, read_maps, read_pooled
from networks.runtime import configure
from stages.oversample.methods import METHODS
from stages.train.data import TrainingData
from stages.train.linear_start import fit_baseline, possible_model
from stages.train.phases import plan_phases, train_head
from tools.settings import apply_settings, parse_settings

SHARE = 0.15 / 0.7  # of val to train
ALL = "all"


class Rows(NamedTuple):
    """A part of a split, as far as training looks at it."""

    n: int
    label: np.ndarray
    group: np.ndarray
    class_names: list[str]


def draw(label: np.ndarray, images: int, rng: np.random.Generator) -> np.ndarray:
    """Sorted rows, `images` of each class or all that it has."""
    classes = [np.flatnonzero(label == klass) for klass in np.unique(label)]
    return np.sort(np.concatenate([rng.permutation(rows)[:images] for rows in classes]))


def take(features: Path, name: str, split: Dataset, rows: np.ndarray, folder: Path) -> Rows:
    """Writes the maps of some rows of a split as extract would have, and returns the rows."""
    file = features / f"{name}.npy"
    np.save(folder / f"{name}.npy", read_maps(file, split)[rows])
    pooled = read_pooled(file, split)[rows]
    np.save(pooled_file(folder / f"{name}.npy"), pooled)
    if name == "train":
        flat = pooled.reshape(-1, pooled.shape[-1])
        np.save(folder / MOMENTS_FILE, np.stack([flat.mean(axis=0), flat.std(axis=0)]))
    return Rows(len(rows), split.label[rows], split.group[rows], split.class_names)


def compare(project: Path, images: int | None, seed: int, params: Params) -> dict[str, float]:
    """Scores on test of the head and of the linear model, for one draw."""
    features = project / "data/features"
    splits = {name: Dataset(project / "data/dataset" / name) for name in ("train", "val", "test")}
    rng = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        if images is None:
            chosen = {name: np.arange(splits[name].n) for name in ("train", "val")}
        else:
            few = max(1, round(SHARE * images))
            chosen = {
                "train": draw(splits["train"].label, images, rng),
                "val": draw(splits["val"].label, few, rng),
            }
        parts = {name: take(features, name, splits[name], r, folder) for name, r in chosen.items()}
        label, n_classes = parts["train"].label, len(splits["train"].class_names)
        method = METHODS[params.oversample.method]
        rows = method.rows(label, params.oversample, params.seed)
        weights = method.class_weights(label, n_classes)[label[rows]]
        sampling = {
            "train": Sampling(rows, occurrences(rows), weights),
            "val": Sampling.plain(parts["val"].n),
        }
        data = TrainingData(parts, sampling, folder)
        linear, _ = fit_baseline(data, params.seed)
        settings = possible_model(params.model)
        test = read_maps(features / "test.npy", splits["test"])
        head = build_head(test.shape[2:], n_classes, settings.attention, settings.head)
        phases = plan_phases(params.model, params.train)
        rows = train_head(
            phases.head, head, settings, data, params.oversample.method, params.seed, None
        )[0]
        forward = inference(head)
        blocks = [test[i : i + 64, 0].astype(np.float32) for i in range(0, len(test), 64)]
        of_head = np.concatenate([forward(block) for block in blocks]).astype(float)
        pooled = read_pooled(features / "test.npy", splits["test"])[:, 0]
        of_linear = np.exp(linear.log_probabilities(pooled))
    scores = {}
    for name, probabilities in (("head", of_head), ("linear", of_linear)):
        of_model = averages(splits["test"].label, probabilities)
        scores |= {f"{name} {score}": of_model[score] for score in ("accuracy", "loss")}
    return scores | {"epochs": len(rows) - 1}


def table(results: pd.DataFrame) -> str:
    """Means by number of images a class, over sets and draws, and of the differences."""
    for score in ("accuracy", "loss"):
        results[f"{score}, difference"] = results[f"head {score}"] - results[f"linear {score}"]
    numbers = results.columns.drop(["set", "images", "draw"])
    # Each set counts the same, whatever its number of draws.
    by_set = results.groupby(["images", "set"], sort=False)[list(numbers)].mean()
    return by_set.groupby("images", sort=False).mean().round(4).to_string()


def main(argv: list[str] | None = None) -> None:
    """Prints the table, and writes a line of JSON for each draw as it ends."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("projects", type=Path, nargs="+", metavar="FOLDER")
    parser.add_argument("--images", type=int, nargs="+", default=[5, 10, 20, 50])
    parser.add_argument("--draws", type=int, default=20, help="subsets of each size")
    parser.add_argument("--params", type=Path, default=Path("params.yaml"))
    parser.add_argument("-S", "--set", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--results", type=Path)
    args = parser.parse_args(argv)
    today = json.loads(read_params(args.params).model_dump_json())
    params = Params.model_validate(apply_settings(today, parse_settings(args.set)))
    configure(params.seed, params.compute.threads)
    draws = [(images, seed) for images in args.images for seed in range(args.draws)] + [(None, 0)]
    lines = []
    for images, seed in progress(draws, "subsets"):
        for project in args.projects:
            keras.backend.clear_session()
            scores = compare(project, images, seed, params)
            lines.append({"set": project.name, "images": images or ALL, "draw": seed} | scores)
            if args.results:
                args.results.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    print(table(pd.DataFrame(lines)))


if __name__ == "__main__":
    run(main)
