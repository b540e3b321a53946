"""models/README.md: what Hugging Face reads of it, what people read, and that its code runs."""

import re

import numpy as np
import pytest
from huggingface_hub import ModelCard

from stages.report import __main__ as report
from stages.report.card import inline
from tests.helpers.images import make_image
from tests.helpers.report_inputs import CLASSES, METRICS, write_inputs, write_tables


@pytest.fixture
def card(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    report.main(write_inputs(tmp_path) + write_tables(tmp_path))
    return ModelCard.load(tmp_path / "README.md")


def test_its_metadata_are_those_of_the_format(card):
    data = card.data
    assert (data.license, data.library_name) == ("mit", "keras")
    assert data.pipeline_tag == "image-classification"
    assert set(data.metrics) == {result.metric_type for result in data.eval_results}


def test_its_results_are_the_metrics_of_the_test(card):
    by_type = {result.metric_type: result for result in card.data.eval_results}
    test = METRICS["evaluate"]["test"]
    assert {name: result.metric_value for name, result in by_type.items()} == {
        "accuracy": test["accuracy"],
        "f1": test["f1_macro"],
    }  # the area is undefined, and no 0 stands for it
    assert by_type["accuracy"].metric_name == "Accuracy, 95\u00a0% interval 0.812\u00a0–\u00a00.923"
    assert {result.dataset_split for result in by_type.values()} == {"test"}


def test_people_read_the_same_numbers_and_the_datas_faults(card):
    assert (
        "| Accuracy | 0.877 (0.812\u00a0–\u00a00.923) | 0.900 (0.812\u00a0–\u00a00.923) |"
        in card.text
    )
    assert "| ROC area | – | – |" in card.text
    assert "61 files came in and 57 pictures were kept" in card.text
    assert "| truncated | 2 |" in card.text
    assert "Kept, but flagged: blurry 4." in card.text
    assert "Likely label errors among the pictures kept: 23" in card.text
    assert "Temperature fitted on val: 1.250" in card.text
    assert "- before temperature scaling: Expected calibration error 0.081" in card.text
    for title in ("Intended use", "Limits", "Training data", "How to use it", "Licence"):
        assert f"\n## {title}\n" in card.text


def test_tables_stay_tables_whatever_classes_are_called(card):
    assert "<b>" not in card.text
    tables = re.findall(r"(?:^\|.*\|[ ]*\n)+", card.text, re.MULTILINE)
    assert len(tables) >= 4
    for table in tables:
        columns = {len(re.findall(r"(?<!\\)\|", line.rstrip())) for line in table.splitlines()}
        assert len(columns) == 1, table
    assert inline(CLASSES[2]) == 'a "b" &amp; c\\|d'


def test_it_is_the_same_on_every_run(tmp_path, monkeypatch, card):
    first = (tmp_path / "README.md").read_bytes()
    report.main([*write_inputs(tmp_path), f"--diagnosis={tmp_path / 'diagnosis'}"])
    assert (tmp_path / "README.md").read_bytes() == first


def test_without_an_evaluation_there_is_no_index(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    report.main(write_inputs(tmp_path, metrics={"clean": METRICS["clean"]}))
    card = ModelCard.load(tmp_path / "README.md")
    assert card.data.eval_results is None
    assert "Wrong labels were not looked for" in card.text


def test_its_code_runs_and_gives_the_models_probabilities(whole_run, tmp_path, monkeypatch, capsys):
    from networks.classifier import load_classifier

    monkeypatch.chdir(tmp_path)
    words = [word for word in write_inputs(tmp_path) if not word.startswith("--model=")]
    report.main([*words, f"--model={whole_run.path('models/classifier')}"])
    code = re.search(r"```python\n(.*?)```", (tmp_path / "README.md").read_text(), re.DOTALL)[1]
    (tmp_path / "classifier").symlink_to(whole_run.path("models/classifier"))
    image = make_image(3, (64, 64), "red")
    image.save(tmp_path / "picture.jpg", quality=95)
    capsys.readouterr()
    names = {}
    exec(code, names)
    model = load_classifier(whole_run.path("models/classifier")).model
    expected = model.predict(np.asarray(names["picture"])[None], verbose=0)[0]
    np.testing.assert_allclose(names["probabilities"], expected, atol=1e-6)
    assert names["picture"].size == (64, 64)
    assert "cat" in capsys.readouterr().out
