"""The stage gradcam on one run of the whole path, and with other settings."""

import numpy as np
import pandas as pd
import pytest

from common.errors import StageError
from common.files import read_json
from common.tables.predictions import read_predictions

NAMES = ["cat", "dog", "owl"]


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
