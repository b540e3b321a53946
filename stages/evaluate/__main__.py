"""Judges the predictions of val and test. TensorFlow has no part in it.

Reads:  --dataset; --predictions, a folder with val.csv and test.csv; --manifest; --card of the
        model, for its temperature
Writes: --metrics; --evaluation, a folder: report.csv and report.json (classes with intervals) and
        slices.csv (parts of test, worst first); --decision, JSON: from which probabilities a server
        should answer; --curves, a folder: CSVs for `dvc plots diff`; --plots, a folder: images
Params: seed, evaluate
"""

from pathlib import Path

import numpy as np
import pandas as pd

from common import calibration, cli, tables
from common.errors import StageError
from common.files import atomic_folder, read_json, write_json
from common.params import Params, read_params
from stages.evaluate import figures, slices
from stages.evaluate.classes import judge_split, report_table
from stages.evaluate.decisions import (
    Split,
    calibrated,
    decide_abstention,
    decide_threshold,
    decision,
    positive_class,
)
from stages.evaluate.resampling import Resamples

JUDGED = ("val", "test")


def open_split(dataset: Path, predictions: Path, params: Params) -> tuple[Split, np.ndarray]:
    """A split to be judged, and the paths of its images."""
    split = tables.Dataset(dataset)
    found = tables.read_checked_predictions(predictions, split)
    resamples = Resamples(split.label, split.group, params.evaluate.resamples, params.seed)
    return Split(found.label, found.probabilities, resamples), found.path


def rows_of(manifest: Path, path: np.ndarray) -> pd.DataFrame:
    """The manifest's rows of these images, in their order.

    Raises:
        StageError: an image is not in the manifest.
    """
    rows = tables.read_manifest(manifest).set_index("path", drop=False)
    missing = sorted(set(path) - set(rows.index))
    if missing:
        raise StageError(
            f"Expected each picture of test in {manifest}. Received: none for {missing[0]} and "
            f"{len(missing) - 1:,} more. Run `dvc repro split`."
        )
    return rows.loc[path]


def main(argv: list[str] | None = None) -> None:
    inputs = ("dataset", "predictions", "manifest", "card")
    outputs = ("metrics", "evaluation", "decision", "curves", "plots")
    args = cli.parse_paths(__doc__, argv, *inputs, *outputs)
    params = read_params(args.params)
    rules = params.evaluate
    sure = rules.confidence
    train = tables.Dataset(args.dataset / "train")
    names = train.class_names
    positive = positive_class(rules.threshold.positive, names, train.label)
    splits, scores, classes = {}, {}, {}
    for name in JUDGED:
        files = args.dataset / name, args.predictions / f"{name}.csv"
        splits[name], path = open_split(*files, params)
        scores[name], classes[name] = judge_split(splits[name], names, name, sure, rules.top_k)
        if sum(row["support"] for row in classes[name].values()) != len(path):
            raise AssertionError(f"not each of {len(path)} pictures of {name} was counted once")
    test = splits["test"]  # as is `path`
    parts = slices.assign(rows_of(args.manifest, path), test.label)
    by_slice = slices.by_slice(test.right, parts, test.resamples, sure, rules.min_slice)
    temperature, panels = calibrated(splits, read_json(args.card)["temperature"])
    threshold = None
    if positive is not None:
        threshold = decide_threshold(splits, positive, rules.threshold, sure)
    abstention = decide_abstention(splits, rules.abstain, sure)
    with atomic_folder(args.plots) as plots, atomic_folder(args.curves) as data:
        figures.draw_confusion(plots, data, test, names, scores["test"])
        figures.draw_curves(plots, data, test, names, scores["test"])
        figures.draw_reliability(plots, data, test.label, panels, temperature)
        figures.draw_coverage(plots, data, splits, abstention)
        figures.draw_report(plots, classes["test"], names, sure)
        figures.draw_slices(plots, by_slice, scores["test"]["accuracy"], sure)
        if threshold is not None:
            chosen = threshold["threshold"]
            figures.draw_threshold(plots, data, splits, positive, names[positive], chosen)
    with atomic_folder(args.evaluation) as folder:
        tables.write_plot_data(folder / "report.csv", report_table(classes, scores))
        write_json(folder / "report.json", {"confidence": sure, "classes": classes})
        tables.write_plot_data(folder / "slices.csv", by_slice)
    write_json(args.decision, decision(names, positive, threshold, abstention, rules))
    write_json(
        args.metrics,
        scores
        | {
            "calibration": {
                "temperature": temperature,
                "test": {when: calibration.judge(test.label, p) for when, p in panels.items()},
            },
            "threshold": threshold,
            "abstention": abstention,
            "slices": slices.summary(by_slice),
        },
    )
    found = scores["test"]
    cli.summary(
        "evaluate",
        f"test ({found['n_examples']:,} pictures): accuracy {found['accuracy']:.4f} "
        f"({found['accuracy_low']:.4f} to {found['accuracy_high']:.4f}), balanced accuracy "
        f"{found['balanced_accuracy']:.4f}, macro F1 {found['f1_macro']:.4f} "
        f"({found['f1_macro_low']:.4f} to {found['f1_macro_high']:.4f})",
    )


if __name__ == "__main__":
    cli.run(main)
