"""Information about the model: the card as harmless HTML, metrics with intervals and words."""

import pytest

from app.serve.model_info import describe_metric, read_card, read_examples, read_metrics
from common.errors import StageError
from common.files import write_json
from common.metric_names import METRICS


def test_the_card_is_html_without_front_matter_script_or_style(tmp_path):
    path = tmp_path / "README.md"
    path.write_text(
        "---\nlicense: mit\n---\n\n# Card\n\n<script>alert(1)</script>\n\n"
        "[a](javascript:alert(1)) [b](https://example.org)\n\n| x | y |\n|---|--:|\n| 1 | 2 |\n"
    )
    html = read_card(path)
    assert html.startswith("<h1>Card</h1>") and "license" not in html
    assert "<script" not in html and "&lt;script&gt;" in html
    assert 'href="https://example.org"' in html and 'href="javascript' not in html
    assert "<td>2</td>" in html and "style" not in html
    assert read_card(tmp_path / "none.md") is None


def test_metrics_come_with_their_intervals_and_words(tmp_path):
    path = tmp_path / "evaluate.json"
    test = {"accuracy": 0.5, "accuracy_low": 0.25, "accuracy_high": 0.75, "mcc": None}
    write_json(path, {"test": test | {"per_class": {"cat": {"f1": 1.0}}}})
    accuracy, mcc = METRICS["accuracy"].words, METRICS["mcc"].words
    assert read_metrics(path) == {
        "accuracy": {"value": 0.5, "low": 0.25, "high": 0.75, "words": accuracy, "fraction": True},
        "mcc": {"value": None, "low": None, "high": None, "words": mcc, "fraction": False},
    }
    assert read_metrics(tmp_path / "none.json") is None is read_metrics(None)
    for content in ({"val": {}}, [1], {"test": 3}):
        write_json(path, content)
        with pytest.raises(StageError, match="as `dvc repro evaluate` writes it"):
            read_metrics(path)


def test_metrics_stand_in_the_order_of_their_registry(tmp_path):
    path = tmp_path / "evaluate.json"
    names = ["loss", "roc_auc", "top_3_accuracy", "accuracy"]
    write_json(path, {"test": dict.fromkeys(names, 0.5)})
    assert list(read_metrics(path)) == ["accuracy", "roc_auc", "loss", "top_3_accuracy"]


def test_only_metrics_from_0_to_1_are_fractions():
    fractions = {name for name in METRICS if describe_metric(name)["fraction"]}
    assert METRICS.keys() - fractions == {"loss", "brier", "mcc", "n_examples"}
    assert describe_metric("of_no_registry") == {"words": "of no registry", "fraction": True}


def test_examples_of_other_classes_than_the_models_are_left_out(whole_run, tmp_path):
    names = ["cat", "dog", "owl"]
    assert len(read_examples(whole_run.path("dataset"), names)) > 3
    assert read_examples(whole_run.path("dataset"), names[::-1]) == []
    assert read_examples(tmp_path, names) == [] == read_examples(None, names)
