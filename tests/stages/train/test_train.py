"""The stage train on one run of the whole path, and with other settings."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score

from common.errors import StageError
from common.files import read_json
from common.params import read_params
from common.tables.dataset import Dataset
from common.tables.history import HISTORY_FIRST_COLUMNS
from common.tables.sampling import Sampling, write_sampling
from networks.classifier import load_classifier
from networks.maps import read_maps
from tests.helpers.training_sets import probabilities_of

NAMES = ["cat", "dog", "owl"]


def test_training_learned_and_its_history_is_told(whole_run):
    history = pd.read_csv(whole_run.path("p/train/history.csv"))
    assert list(history.columns)[:6] == HISTORY_FIRST_COLUMNS
    train_metrics = read_json(whole_run.path("m/train.json"))
    assert train_metrics["epochs"] == len(history) - 1  # the first row is the start
    assert history["epoch"].tolist() == list(range(len(history)))
    assert train_metrics["best_epoch"] == history["val_loss"].idxmin()
    assert train_metrics["val_loss"] == pytest.approx(history["val_loss"].min())
    assert train_metrics["linear"]["val_loss"] == pytest.approx(history["val_loss"][0], rel=1e-3)
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


def test_the_card_holds_the_settings_of_the_training(whole_run):
    card = read_json(whole_run.path("models/classifier/classifier.json"))
    params = read_params(whole_run.params)
    assert card["params"]["train"] == params.train.model_dump()
    assert card["params"]["model"] == params.model.model_dump()
    assert card["params"]["augment"]["views"] == params.augment.views
    assert card["frozen"] is True


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
        model__head__l2=0.0,
        model__head__start="random",
        **{f"train__{name}": value for name, value in changes.items()},
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
    answers = probabilities_of(load_classifier(other.path("models/classifier")).head, maps)
    p = answers[np.arange(val.n), val.label]
    assert train_metrics["val_loss"] == pytest.approx(((1 - p) ** 2 * -np.log(p)).mean(), rel=1e-3)
    expected = f1_score(val.label, answers.argmax(axis=1), average="macro")
    assert train_metrics["val_f1_macro"] == pytest.approx(expected, rel=1e-5)
