"""The classification report of one split, by hand."""

import pytest

from stages.evaluate.classification_report import COLUMNS, report_table, score_split
from tests.helpers.predicted_splits import TEST

NAMES = ["cat", "dog"]


def test_metrics_and_classes_of_a_split():
    # Of three cats all are right, of two dogs one.
    scores, classes = score_split(TEST, NAMES, "test", 0.95, (1, 2, 5))
    assert scores["accuracy"] == 0.8
    assert scores["accuracy_low"] < 0.8 < scores["accuracy_high"]
    assert scores["top_1_accuracy"] == 0.8
    assert "top_2_accuracy" not in scores
    assert scores["per_class"]["dog"] == {
        "precision": 1.0,
        "recall": 0.5,
        "f1": pytest.approx(2 / 3),
        "support": 2,
    }
    dog = classes["dog"]
    assert {name: dog[name] for name in scores["per_class"]["dog"]} == scores["per_class"]["dog"]
    for name in ("precision", "recall", "f1"):
        assert dog[f"{name}_low"] <= dog[name] <= dog[f"{name}_high"]


def test_the_table_has_each_class_and_both_averages():
    scores, classes = score_split(TEST, NAMES, "test", 0.95, ())
    table = report_table({"test": classes}, {"test": scores})
    assert list(table.columns) == COLUMNS
    assert table["class"].tolist() == ["cat", "dog", "macro average", "micro average"]
    assert table["support"].tolist() == [3, 2, 5, 5]
    assert table["recall"].tolist() == [1, 0.5, scores["recall_macro"], 0.8]
    assert table["f1_low"].tolist()[2:] == [scores["f1_macro_low"], scores["accuracy_low"]]
