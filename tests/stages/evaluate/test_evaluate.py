"""The stage on a whole run, and on made-up predictions: two classes, many, tiny sets."""

import csv
import shutil

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.metrics import balanced_accuracy_score

from benchmarks.intervals import draw
from common.errors import StageError
from common.files import read_json, write_json
from common.metric_names import HEADLINE
from common.tables.dataset import Dataset, write_dataset
from common.tables.manifest import FLAGS, MEASURES, read_manifest, write_manifest
from common.tables.predictions import BEFORE_TEMPERATURE_FILE, read_predictions, write_predictions
from stages.ensemble.revisions import read_workspace
from stages.evaluate.metrics import mean_curve, roc_curves
from tests.helpers.pipeline import PREPROCESSING, Run, write_params
from tools.compare import findings

PLOTS = {"confusion", "roc", "pr", "reliability", "coverage", "report", "slices"}
NAMES = ["cat", "dog", "owl"]  # of `whole_run`


def write_split(folder, name, label, p, group, names):
    paths = [f"{'web' if i % 3 else 'shop'}/{name}{i}.jpg" for i in range(len(label))]
    ids = [f"{name}{i:012d}" for i in range(len(label))]
    rows = [
        {"png": b"", "path": paths[i], "image_id": ids[i], "label": label[i], "group": group[i]}
        for i in range(len(label))
    ]
    write_dataset(folder / "dataset" / name, names, PREPROCESSING, rows)
    if name != "train":
        split = Dataset(folder / "dataset" / name)
        write_predictions(folder / f"predictions/{name}.csv", split, p)
    return pd.DataFrame(
        {"image_id": ids, "path": paths, "label": np.array(names, object)[label], "group": group}
    )


def make(folder, sets, names, temperature=1.0, **changes):
    """A Run with everything that evaluate reads."""
    parts = [write_split(folder, name, *arrays, names) for name, arrays in sets.items()]
    manifest = pd.concat(parts, ignore_index=True)
    size = 100 + np.arange(len(manifest))
    manifest = manifest.assign(
        given_split=None, sha256="0" * 64, phash="0" * 16, width=size, height=size, mode="RGB"
    )
    manifest["format"] = np.where(size % 2, "JPEG", "PNG")
    for name in MEASURES:
        manifest[name] = 1.0
    for name in FLAGS:
        manifest[name] = (size % 5 == 0) if name == "grey" else False
    write_manifest(folder / "clean/manifest.parquet", manifest)
    write_json(folder / "models/classifier/classifier.json", {"temperature": temperature})
    changes = {"evaluate__resamples": 200, "evaluate__min_slice": 5} | changes
    return Run(folder, write_params(folder / "params.yaml", **changes))


def sets_of(counts, distance=2.5, **keywords):
    drawn = {
        name: draw(counts, distance, seed, **keywords)
        for seed, name in enumerate(("train", "val", "test"))
    }
    return drawn


def test_two_classes(tmp_path):
    run = make(tmp_path, sets_of([40, 12]), ["cat", "dog"], evaluate__abstain=1.0)
    run.evaluate()
    metrics = read_json(tmp_path / "m/evaluate.json")
    assert {file.stem for file in (tmp_path / "p/evaluate/images").iterdir()} == PLOTS | {
        "threshold"
    }
    for file in (tmp_path / "p/evaluate/images").iterdir():
        with Image.open(file) as image:
            assert min(image.size) >= 150
            assert np.asarray(image.convert("L")).std() > 5
    for split in ("val", "test"):
        scores = metrics[split]
        assert scores["accuracy_low"] < scores["accuracy"] < scores["accuracy_high"]
        assert "top_3_accuracy" not in scores
    assert set(metrics["calibration"]["test"]["before"]) == {"loss", "brier", "ece"}
    assert metrics["calibration"]["test"]["before"]["loss"] == metrics["test"]["loss"]
    assert metrics["calibration"]["test"]["after"]["loss"] < metrics["test"]["loss"] + 0.02
    decision = read_json(tmp_path / "models/decision.json")
    assert decision["positive"] == "dog"
    assert decision["threshold"] == metrics["threshold"]["threshold"]
    assert decision["abstain_below"] == metrics["abstention"]["least_confidence"] > 0
    report = pd.read_csv(tmp_path / "evaluation/report.csv")
    assert report["class"].tolist() == ["cat", "dog", "macro average", "micro average"] * 2
    assert report["support"].tolist() == [40, 12, 52, 52] * 2
    assert report["f1"][6] == pytest.approx(metrics["test"]["f1_macro"], abs=1e-6)
    assert {file.name for file in (tmp_path / "evaluation").iterdir()} == {
        "report.csv",
        "slices.csv",
    }
    recall = metrics["test"]["per_class"]["dog"]["recall"]
    assert report["recall"][5] == pytest.approx(recall, abs=1e-6)
    assert report["recall_low"][5] <= report["recall"][5] <= report["recall_high"][5]
    slices = pd.read_csv(tmp_path / "evaluation/slices.csv")
    assert set(slices["kind"]) == {"size", "flag", "folder", "format"}
    assert slices["accuracy"].is_monotonic_increasing
    assert metrics["slices"]["reported"] == len(slices)
    files = {file.stem for file in (tmp_path / "p/evaluate/curves").iterdir()}
    assert files == {"confusion", "roc", "pr", "reliability", "coverage", "threshold"}
    with (tmp_path / "p/evaluate/curves/threshold.csv").open() as file:
        assert len(list(csv.reader(file))) == 2 * 201 + 1


def test_many_classes_have_top_k_and_no_threshold(tmp_path):
    names = [f"class {i}" for i in range(30)]
    run = make(tmp_path, sets_of([4] * 30, 3.0), names, evaluate__top_k=[2, 5, 30])
    run.evaluate()
    metrics = read_json(tmp_path / "m/evaluate.json")
    assert {file.stem for file in (tmp_path / "p/evaluate/images").iterdir()} == PLOTS
    assert metrics["threshold"] is None
    scores = metrics["test"]
    assert scores["accuracy"] <= scores["top_2_accuracy"] <= scores["top_5_accuracy"]
    assert "top_30_accuracy" not in scores
    decision = read_json(tmp_path / "models/decision.json")
    assert [decision[key] for key in ("positive", "threshold", "rule")] == [None] * 3
    assert decision["classes"] == names


def test_classes_without_test_images_one_image_and_a_folded_temperature(tmp_path, capsys):
    sets = sets_of([6, 5, 4])
    sets["test"] = tuple(values[:1] for values in sets["test"])
    run = make(tmp_path, sets, ["a", "b", "c"], temperature=1.7)
    with pytest.raises(StageError, match=r"test_before_temperature\.csv.*dvc repro predict"):
        run.evaluate()
    test = Dataset(tmp_path / "dataset/test")
    before = np.array([[0.5, 0.3, 0.2]])
    write_predictions(tmp_path / "predictions" / BEFORE_TEMPERATURE_FILE, test, before)
    run.evaluate()
    metrics = read_json(tmp_path / "m/evaluate.json")
    scores = metrics["test"]
    assert metrics["calibration"]["temperature"] == 1.7
    assert metrics["calibration"]["test"]["after"]["loss"] == scores["loss"]
    loss = -np.log(before[0, test.label[0]])
    assert metrics["calibration"]["test"]["before"]["loss"] == pytest.approx(loss)
    assert scores["roc_auc"] is scores["roc_auc_low"] is None
    assert scores["n_examples"] == 1
    assert "test: recall of class 'b' is undefined (without examples)" in capsys.readouterr().err
    assert pd.read_csv(tmp_path / "evaluation/slices.csv").empty


def test_images_that_the_manifest_lacks_stop_the_stage(tmp_path):
    run = make(tmp_path, sets_of([5, 5]), ["a", "b"])
    manifest = read_manifest(tmp_path / "clean/manifest.parquet")
    write_manifest(
        tmp_path / "clean/manifest.parquet", manifest[manifest["path"] != "shop/test0.jpg"]
    )
    with pytest.raises(StageError, match=r"each image of test in .*manifest"):
        run.evaluate()
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize("change", ["order", "missing", "label"])
def test_evaluate_refuses_predictions_of_other_images(whole_run, tmp_path, change):
    shutil.copytree(whole_run.path("predictions"), tmp_path / "predictions")
    file = tmp_path / "predictions/test.csv"
    table = pd.read_csv(file)
    if change == "order":
        table = table[::-1]
    elif change == "missing":
        table = table[1:]
    else:
        table.loc[0, "label"] = "owl" if table.loc[0, "label"] == "cat" else "cat"
    table.to_csv(file, index=False)
    other = type(whole_run)(tmp_path, whole_run.params)
    (tmp_path / "dataset").symlink_to(whole_run.path("dataset"))
    with pytest.raises(StageError, match=r"each image of .*test once.*Run `dvc repro predict`"):
        other.evaluate()
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize("split", ["val", "test"])
def test_metrics_are_those_of_the_predictions(whole_run, split):
    scores = read_json(whole_run.path("m/evaluate.json"))[split]
    ends = {f"{key}_{end}" for key in HEADLINE for end in ("low", "high")}
    micro = {"roc_auc_micro", "pr_auc_micro"}
    assert set(scores) == {*HEADLINE, "n_examples", "per_class"} | ends | micro
    table = read_predictions(whole_run.path(f"predictions/{split}.csv"), NAMES)
    dataset = Dataset(whole_run.path("dataset") / split)
    assert table["image_id"].tolist() == dataset.image_id.tolist()
    assert scores["n_examples"] == len(table) == dataset.n
    assert scores["accuracy"] == pytest.approx((table["label"] == table["predicted"]).mean())
    assert scores["balanced_accuracy"] == pytest.approx(
        balanced_accuracy_score(table["label"], table["predicted"])
    )
    assert set(scores["per_class"]) == set(NAMES)
    assert sum(row["support"] for row in scores["per_class"].values()) == dataset.n


@pytest.mark.parametrize("split", ["val", "test"])
def test_the_comparison_tool_has_the_same_scores(whole_run, split):
    evaluated = read_json(whole_run.path("m/evaluate.json"))[split]
    file = whole_run.path(f"predictions/{split}.csv")
    compared = findings.scores(read_workspace("workspace", {split: file}), split)
    assert compared == pytest.approx({name: evaluated[name] for name in compared}, rel=1e-12)


def test_curves_for_dvc_are_the_means_of_the_classes(whole_run):
    table = read_predictions(whole_run.path("predictions/test.csv"), NAMES)
    truth = table["label"].map(NAMES.index).to_numpy()
    p = table[[f"p_{name}" for name in NAMES]].to_numpy()
    roc = pd.read_csv(whole_run.path("p/evaluate/curves/roc.csv"))
    expected = mean_curve(roc_curves(truth, p, NAMES))[1]
    np.testing.assert_allclose(roc["tpr"], expected, atol=1e-6)
    assert list(pd.read_csv(whole_run.path("p/evaluate/curves/pr.csv")).columns) == [
        "recall",
        "precision",
    ]
