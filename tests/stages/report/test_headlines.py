from stages.report.headlines import cautions, headlines
from tests.helpers.report_inputs import evaluate


def test_cautions_name_small_tests_small_classes_and_imbalance():
    metrics = {
        "evaluate": evaluate(n=40),
        "split": {"train": {"per_class": {"cat": 90, "dog": 20}}},
        "clean": {"rejected_by_reason": {"label_conflict": 6}},
    }
    text = " ".join(cautions(metrics, 3))
    assert "moves accuracy by 0.025" in text
    assert "4.5 to 1" in text
    assert "cat (0), <b>owl</b> (1)" in text
    assert "Likely label errors found: 3" in text
    assert "two labels: 6." in text
    assert "No intervals" not in text
    plain = {"test": {"accuracy": 0.5, "n_examples": 400, "per_class": {}}}
    assert cautions({"evaluate": plain}, 0) == ["No intervals were computed for the metrics."]


def test_headlines_are_those_that_the_test_has_in_their_order():
    metrics = {"test": {"roc_auc": 0.75, "accuracy": 0.5, "loss": 2.0}, "val": {"accuracy": 0.25}}
    assert [(line.name, line.test.value, line.val) for line in headlines(metrics)] == [
        ("Accuracy", 0.5, "0.250"),
        ("ROC area", 0.75, "–"),
    ]
    assert headlines({}) == []
