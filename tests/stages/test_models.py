"""The stages that need a model, on one run of the whole path."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.metrics import balanced_accuracy_score, f1_score

from common.embeddings import read_embeddings
from common.errors import StageError
from common.files import read_json
from common.images import load_pixels
from common.metric_names import HEADLINE
from common.params import read_params
from common.tables.dataset import SPLITS, Dataset
from common.tables.history import HISTORY_FIRST_COLUMNS
from common.tables.predictions import read_predictions
from common.tables.sampling import Sampling, write_sampling
from networks.classifier import load_classifier
from networks.maps import read_maps
from stages.evaluate import metrics
from stages.predict.inference import pool_pixels, predict_maps

NAMES = ["cat", "dog", "owl"]


def test_the_saved_model_answers_as_predicted_from_the_raw_file(whole_run):
    """Serving's path, raw bytes to probabilities, gives what evaluate wrote."""
    opened = load_classifier(whole_run.path("models/classifier"))
    table = read_predictions(whole_run.path("predictions/test.csv"), NAMES)
    pixels = [
        load_pixels(
            (whole_run.path("raw") / path).read_bytes(),
            opened.image_size,
            opened.resize,
            opened.max_pixels,
        )
        for path in table["path"]
    ]
    answer = opened.model.predict(np.stack([np.asarray(p) for p in pixels]), verbose=0)
    expected = table[[f"p_{name}" for name in NAMES]].to_numpy()
    np.testing.assert_allclose(answer, expected, atol=1e-3)
    assert opened.class_names == NAMES


def test_training_learned_and_its_history_is_told(whole_run):
    history = pd.read_csv(whole_run.path("p/train/history.csv"))
    assert list(history.columns)[:6] == HISTORY_FIRST_COLUMNS
    train_metrics = read_json(whole_run.path("m/train.json"))
    assert train_metrics["epochs"] == len(history)
    assert train_metrics["best_epoch"] == history["val_loss"].idxmin() + 1
    assert train_metrics["val_loss"] == pytest.approx(history["val_loss"].min())
    assert history["loss"].iloc[-1] < history["loss"].iloc[0]
    assert read_json(whole_run.path("m/evaluate.json"))["test"]["accuracy"] > 0.8


def test_beside_the_model_stand_its_card_weights_and_summary(whole_run):
    files = {file.name for file in whole_run.path("models/classifier").iterdir()}
    extra = {"classifier.weights.h5", "summary.txt"}
    assert files == {"classifier.keras", "classifier.json"} | extra
    summary = whole_run.path("models/classifier/summary.txt").read_text(encoding="utf-8")
    train_metrics = read_json(whole_run.path("m/train.json"))
    total = train_metrics["head_parameters"] + train_metrics["backbone_parameters"]
    assert f"Total params: {total:,} " in summary
    assert str(whole_run.folder) not in summary


@pytest.mark.parametrize("split", SPLITS)
def test_embeddings_are_the_means_of_the_maps(whole_run, split):
    dataset = Dataset(whole_run.path("dataset") / split)
    embeddings = read_embeddings(whole_run.path(f"embeddings/{split}.npy"), dataset)
    maps = read_maps(whole_run.path(f"features/{split}.npy"), dataset)
    assert embeddings.dtype == np.float32
    np.testing.assert_allclose(embeddings, maps[:, 0].astype(float).mean(axis=(1, 2)), rtol=1e-4)
    backbone = load_classifier(whole_run.path("models/classifier")).backbone
    fresh = np.concatenate(list(pool_pixels(backbone, dataset, 4)))
    np.testing.assert_allclose(embeddings, fresh, atol=5e-3, rtol=5e-3)
    other = Dataset(whole_run.path("dataset") / ("val" if split == "train" else "train"))
    with pytest.raises(StageError, match=rf"Expected .*{split}\.npy to hold \({other.n}, channels"):
        read_embeddings(whole_run.path(f"embeddings/{split}.npy"), other)


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


def test_curves_for_dvc_are_the_means_of_the_classes(whole_run):
    table = read_predictions(whole_run.path("predictions/test.csv"), NAMES)
    truth = table["label"].map(NAMES.index).to_numpy()
    p = table[[f"p_{name}" for name in NAMES]].to_numpy()
    roc = pd.read_csv(whole_run.path("p/evaluate/curves/roc.csv"))
    expected = metrics.mean_curve(metrics.roc_curves(truth, p, NAMES))[1]
    np.testing.assert_allclose(roc["tpr"], expected, atol=1e-6)
    assert list(pd.read_csv(whole_run.path("p/evaluate/curves/pr.csv")).columns) == [
        "recall",
        "precision",
    ]


def test_every_plot_is_an_image_of_readable_size(whole_run):
    files = sorted(whole_run.path("p").rglob("*.png"))
    names = {file.relative_to(whole_run.path("p")).as_posix() for file in files}
    assert {
        "evaluate/images/confusion.png",
        "evaluate/images/roc.png",
        "evaluate/images/pr.png",
        "gradcam/cat.png",
        "gradcam/dog.png",
        "gradcam/owl.png",
        "gradcam/summary.png",
        "gradcam/methods.png",
        "gradcam/faithfulness.png",
        "gradcam/randomisation.png",
        "inspect/views.png",
        "diagnose/confident_mistakes.png",
        "diagnose/label_errors.png",
        "diagnose/plane.png",
        "diagnose/unsure_hits.png",
        "clean/classes.png",
        "split/samples.png",
        "inspect/history.png",
        "inspect/architecture.png",
        "inspect/attention/positions.png",
    } <= names
    for file in files:
        with Image.open(file) as image:
            assert min(image.size) >= 150, file
            assert max(image.size) <= 4000, file
            assert np.asarray(image.convert("L")).std() > 5, file


def test_gradcam_shows_right_and_wrong_images_of_each_class(whole_run):
    table = read_predictions(whole_run.path("predictions/test.csv"), NAMES)
    gradcam_metrics = read_json(whole_run.path("m/gradcam.json"))
    for name in NAMES:
        rows = table[table["label"] == name]
        right = int((rows["predicted"] == name).sum())
        assert gradcam_metrics["per_class"][name] == {
            "right": min(2, right),
            "wrong": min(2, len(rows) - right),
        }
    assert gradcam_metrics["explained"] == sum(
        sum(row.values()) for row in gradcam_metrics["per_class"].values()
    )
    assert 0 < gradcam_metrics["mean_focus_area"] <= 1


def test_gradcam_puts_its_heat_maps_to_the_test(whole_run):
    gradcam_metrics = read_json(whole_run.path("m/gradcam.json"))
    assert gradcam_metrics["tested"] == 6
    methods = gradcam_metrics["methods"]
    assert set(methods) == {"gradcam", "gradcam_pp", "eigencam", "attention", "random", "centre"}
    for name, row in methods.items():
        assert 0 < row["deletion_auc"] < 1
        assert 0 < row["insertion_auc"] < 1
        assert ("beats_random" in row) == (name != "random")
        assert ("randomised" in row) == (name not in ("random", "centre"))
    random, gradcam = methods["random"], methods["gradcam"]
    gains = [
        random["deletion_auc"] - gradcam["deletion_auc"],
        gradcam["insertion_auc"] - random["insertion_auc"],
    ]
    assert gradcam["gain"] == pytest.approx(np.mean(gains))
    assert gradcam["gain_low"] < gradcam["gain"] < gradcam["gain_high"]
    assert gradcam["beats_random"] == (gradcam["p_value"] < 0.025)
    assert methods["eigencam"]["randomised"]["head"] == pytest.approx(1)
    assert list(gradcam["randomised"]) == ["all", "head", "last_1", "last_2", "last_3", "last_4"]


@pytest.mark.parametrize("tested", [0, 1])
def test_gradcam_without_or_with_hardly_any_tests(
    whole_run, tmp_path, small_params, capsys, tested
):
    """An inner layer, another first method, a class without test images of its own kind."""
    changes = {
        "layer": "block5c_add",
        "methods": ["eigencam"],
        "faithfulness_images": tested,
        "per_class": 1,
    }
    params = small_params(**{f"gradcam__{name}": value for name, value in changes.items()})
    other = type(whole_run)(tmp_path, params)
    for name in ("dataset", "models", "predictions"):
        (tmp_path / name).symlink_to(whole_run.path(name))
    other.gradcam()
    gradcam_metrics = read_json(other.path("m/gradcam.json"))
    drawn = {path.name for path in other.path("p/gradcam").iterdir()}
    tests = {"faithfulness.png", "randomisation.png"}
    assert drawn - tests == {"cat.png", "dog.png", "owl.png", "summary.png", "methods.png"}
    assert gradcam_metrics["tested"] == tested
    message = capsys.readouterr().err
    if tested:
        assert tests <= drawn
        assert gradcam_metrics["methods"]["eigencam"]["gain_low"] is None
        assert gradcam_metrics["methods"]["eigencam"]["beats_random"] is False
        assert "Eigen-CAM does no better than a random map" in message
    else:
        assert not tests & drawn
        assert gradcam_metrics["methods"] == {}
        assert "random" not in message


def test_gradcam_repeats_byte_for_byte_and_names_a_wrong_layer(whole_run, tmp_path, small_params):
    other = type(whole_run)(tmp_path, whole_run.params)
    for name in ("dataset", "models", "predictions"):
        (tmp_path / name).symlink_to(whole_run.path(name))
    other.gradcam()
    for file in [*whole_run.path("p/gradcam").iterdir(), whole_run.path("m/gradcam.json")]:
        again = other.path(file.relative_to(whole_run.folder).as_posix())
        assert file.read_bytes() == again.read_bytes(), file
    wrong = type(whole_run)(tmp_path, small_params(gradcam__layer="block5c_ad"))
    with pytest.raises(
        StageError, match=r"gradcam\.layer to name a layer .* Did you mean block5c_"
    ):
        wrong.gradcam()


def test_metrics_hold_no_times_and_no_paths(whole_run):
    """They are in dvc.lock: the same run must give the same bytes."""
    for file in whole_run.path("m").glob("*.json"):
        text = file.read_text()
        assert "second" not in text
        assert str(whole_run.folder) not in text
        assert text == json.dumps(json.loads(text), indent=2, sort_keys=True) + "\n"


@pytest.mark.parametrize(
    "change",
    [
        {"model__layer": "block6a_expand_activation"},
        {"model__backbone": "cnn", "model__weights": "none"},
    ],
)
def test_maps_of_another_backbone_are_not_trained_on(whole_run, small_params, change):
    other = type(whole_run)(whole_run.folder, small_params(**change))
    before = whole_run.path("models/classifier/classifier.keras").read_bytes()
    with pytest.raises(StageError, match=r"Run `dvc repro extract`"):
        other.train()
    assert whole_run.path("models/classifier/classifier.keras").read_bytes() == before


def test_weights_of_the_sampling_table_reach_the_loss(whole_run, tmp_path, small_params):
    """Weights of class "owl" alone: the head then knows no other answer."""
    other = type(whole_run)(tmp_path, small_params(model__head__l2=0.0))
    for name in ("dataset", "features"):
        (tmp_path / name).symlink_to(whole_run.path(name))
    label = Dataset(whole_run.path("dataset/train")).label
    plain = Sampling.plain(len(label))
    weights = (label == NAMES.index("owl")).astype(np.float32)
    write_sampling(tmp_path / "sampling/train.parquet", plain._replace(weights=weights))
    other.train()
    history = pd.read_csv(other.path("p/train/history.csv"))
    assert history["loss"].iloc[-1] < 0.01
    assert history["accuracy"].iloc[-1] < 0.5


def test_the_model_saved_is_the_averaged_one_of_the_monitored_epoch(
    whole_run, tmp_path, small_params
):
    changes = {"ema": 0.6, "monitor": "val_f1_macro", "loss": "focal"}
    params = small_params(
        model__head__l2=0.0, **{f"train__{name}": value for name, value in changes.items()}
    )
    other = type(whole_run)(tmp_path, params)
    for name in ("dataset", "features", "sampling"):
        (tmp_path / name).symlink_to(whole_run.path(name))
    other.train()
    train_metrics = read_json(other.path("m/train.json"))
    history = pd.read_csv(other.path("p/train/history.csv"))
    assert train_metrics["best_epoch"] == history["val_f1_macro"].idxmax() + 1
    assert train_metrics["val_f1_macro"] == pytest.approx(history["val_f1_macro"].max())
    val = Dataset(other.path("dataset/val"))
    maps = read_maps(other.path("features/val.npy"), val)
    answers = predict_maps(load_classifier(other.path("models/classifier")).head, maps, 16)
    p = answers[np.arange(val.n), val.label]
    assert train_metrics["val_loss"] == pytest.approx(((1 - p) ** 2 * -np.log(p)).mean(), rel=1e-3)
    expected = f1_score(val.label, answers.argmax(axis=1), average="macro")
    assert train_metrics["val_f1_macro"] == pytest.approx(expected, rel=1e-5)


def test_gradcam_refuses_predictions_of_other_images(whole_run, tmp_path):
    table = pd.read_csv(whole_run.path("predictions/test.csv"))
    (tmp_path / "predictions").mkdir()
    table[::-1].to_csv(tmp_path / "predictions/test.csv", index=False)
    other = type(whole_run)(tmp_path, whole_run.params)
    for name in ("dataset", "models"):
        (tmp_path / name).symlink_to(whole_run.path(name))
    with pytest.raises(StageError, match="Expected predictions of the images"):
        other.gradcam()
    assert not (tmp_path / "p").exists() or not list((tmp_path / "p").iterdir())


def test_the_card_holds_the_settings_of_the_training(whole_run):
    card = read_json(whole_run.path("models/classifier/classifier.json"))
    params = read_params(whole_run.params)
    assert card["params"]["train"] == params.train.model_dump()
    assert card["params"]["model"] == params.model.model_dump()
    assert card["params"]["augment"]["views"] == params.augment.views
    assert card["frozen"] is True
