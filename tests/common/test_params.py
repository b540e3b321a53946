import pytest

from common.errors import StageError
from common.params import read_params
from tests.helpers.pipeline import ROOT, write_params


def test_the_projects_own_parameters_are_valid_and_frozen():
    params = read_params(ROOT / "params.yaml")
    assert params.split.image_size == (224, 224)
    assert params.model.backbone == "efficientnet_lite0"
    with pytest.raises(Exception, match="frozen"):
        params.seed = 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"train__epochs": "many"}, r"train\.epochs: expected .*integer.*Received: 'many' \(str\)"),
        ({"train__epochs": 2.5}, r"train\.epochs: expected .*integer.*Received: 2\.5 \(float\)"),
        ({"train__epochs": True}, r"train\.epochs: expected .*integer.*Received: True"),
        ({"split__val": 1.2}, r"split\.val: expected less than 1\. Received: 1\.2"),
        ({"split__val": 0.6, "split__test": 0.5}, r"split\.val \+ split\.test must stay below 1"),
        ({"split__image_size": [224]}, r"image_size: expected two numbers, \[height, width\]"),
        ({"split__image_size": [224, 2.5]}, r"split\.image_size\.1: expected .*integer.*2\.5"),
        ({"model__attention": "sea"}, r"model\.attention: expected 'none', 'se', .*'sea'"),
        ({"model__head__dropout": float("nan")}, r"model\.head\.dropout: expected .*finite"),
        ({"data__sha256": "abc"}, r"data\.sha256: .*'abc'"),
        ({"data__source": "gdrive"}, r"data\.gdrive_id must be an id or a link"),
        ({"train__ema": 1.0}, r"train\.ema: expected less than 1\. Received: 1\.0"),
        ({"train__epochs": 3, "train__rise_epochs": 3}, r"rise_epochs must .* 3 of 3"),
        (
            {"train__schedule": "polynomial", "train__end_learning_rate": 0.5},
            r"end_learning_rate must be at most train\.learning_rate\. Received: 0\.5 and 0\.0003",
        ),
        (
            {"train__stop_on_overfit": True, "train__monitor": "val_accuracy"},
            r"train: train\.stop_on_overfit keeps .* val_loss\. Received: val_accuracy",
        ),
        ({"seed": -1}, r"seed: expected greater than or equal to 0"),
    ],
)
def test_wrong_values_are_named_with_what_was_expected_and_received(tmp_path, change, message):
    path = write_params(tmp_path / "params.yaml", **change)
    with pytest.raises(StageError, match=message):
        read_params(path)


def test_unknown_and_missing_parameters_are_named(tmp_path):
    path = tmp_path / "params.yaml"
    text = (ROOT / "params.yaml").read_text()
    path.write_text(text.replace("  patience: 8", "  patienec: 8"))
    with pytest.raises(StageError) as caught:
        read_params(path)
    assert "train.patienec: expected no such parameter. Received: 8" in str(caught.value)
    assert "train.patience: expected a value. Received: nothing" in str(caught.value)


def test_names_of_earlier_releases_are_understood_but_not_beside_todays(tmp_path):
    path, text = tmp_path / "params.yaml", (ROOT / "params.yaml").read_text()
    path.write_text(text.replace("  faithfulness_images: 12", "  faithfulness_pictures: 7"))
    assert read_params(path).gradcam.faithfulness_images == 7
    both = "  faithfulness_images: 12\n  faithfulness_pictures: 7"
    path.write_text(text.replace("  faithfulness_images: 12", both))
    with pytest.raises(StageError, match=r"gradcam\.faithfulness_pictures: expected no such"):
        read_params(path)


def test_numbers_are_read_as_dvc_reads_them(tmp_path):
    """YAML 1.1 takes 1e-5 for a text; `dvc exp run -S` writes small numbers so."""
    path = tmp_path / "params.yaml"
    text = (ROOT / "params.yaml").read_text()
    path.write_text(text.replace("learning_rate: 0.0003", "learning_rate: 1e-05"))
    assert read_params(path).train.learning_rate == 1e-5


@pytest.mark.parametrize("content", ["a: [", "- 1\n- 2\n", "", "\xff"])
def test_a_file_that_is_no_mapping_is_refused(tmp_path, content):
    path = tmp_path / "params.yaml"
    path.write_text(content, encoding="latin-1")
    with pytest.raises(StageError, match=r"params\.yaml"):
        read_params(path)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(StageError, match="no such file"):
        read_params(tmp_path / "params.yaml")
