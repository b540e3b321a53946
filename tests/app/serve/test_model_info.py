"""What the server tells of its model: the card as harmless HTML, figures with their intervals."""

import pytest

from app.serve.model_info import read_card, read_examples, read_metrics
from common.errors import StageError
from common.files import write_json


def test_the_card_is_html_without_front_matter_script_or_style(tmp_path):
    path = tmp_path / "README.md"
    path.write_text(
        "---\nlicense: mit\n---\n\n# Card\n\n<script>alert(1)</script>\n\n"
        "[a](javascript:alert(1)) [b](https://example.org)\n\n| x | y |\n|---|--:|\n| 1 | 2 |\n"
    )
    found = read_card(path)
    assert found.startswith("<h1>Card</h1>") and "license" not in found
    assert "<script" not in found and "&lt;script&gt;" in found
    assert 'href="https://example.org"' in found and 'href="javascript' not in found
    assert "<td>2</td>" in found and "style" not in found
    assert read_card(tmp_path / "none.md") is None


def test_figures_come_with_their_intervals(tmp_path):
    path = tmp_path / "evaluate.json"
    test = {"accuracy": 0.5, "accuracy_low": 0.25, "accuracy_high": 0.75, "mcc": None}
    write_json(path, {"test": test | {"per_class": {"cat": {"f1": 1.0}}}})
    assert read_metrics(path) == {
        "accuracy": {"value": 0.5, "low": 0.25, "high": 0.75},
        "mcc": {"value": None, "low": None, "high": None},
    }
    assert read_metrics(tmp_path / "none.json") is None is read_metrics(None)
    for content in ({"val": {}}, [1], {"test": 3}):
        write_json(path, content)
        with pytest.raises(StageError, match="as `dvc repro evaluate` writes it"):
            read_metrics(path)


def test_examples_of_other_classes_than_the_models_are_left_out(whole_run, tmp_path):
    names = ["cat", "dog", "owl"]
    assert len(read_examples(whole_run.path("dataset"), names)) > 3
    assert read_examples(whole_run.path("dataset"), names[::-1]) == []
    assert read_examples(tmp_path, names) == [] == read_examples(None, names)
