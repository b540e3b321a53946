"""Decision rule: threshold and abstention by hand, and files that are not the model's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.decision import decide, read_decision
from common.errors import StageError
from common.files import write_json

NULLS = {"positive": None, "threshold": None, "abstain_below": None}


def two(p, **rules):
    return decide({"ad": p, "other": 1 - p}, NULLS | rules)


def test_the_likeliest_class_is_the_decision_where_there_is_no_threshold():
    assert decide({"cat": 0.2, "dog": 0.5, "owl": 0.3}, NULLS) == "dog"


def test_of_two_classes_the_positive_one_is_taken_from_its_threshold_on():
    rules = {"positive": "ad", "threshold": 0.25}
    assert [two(p, **rules) for p in (0.24, 0.25, 0.9)] == ["other", "ad", "ad"]
    rules = {"positive": "other", "threshold": 0.9}
    assert [two(1 - p, **rules) for p in (0.5, 0.9)] == ["ad", "other"]


def test_below_the_least_confidence_nothing_is_decided():
    rules = NULLS | {"abstain_below": 0.5}
    assert decide({"cat": 0.5, "dog": 0.3, "owl": 0.2}, rules) == "cat"
    assert decide({"cat": 0.49, "dog": 0.31, "owl": 0.2}, rules) is None
    assert two(0.3, positive="ad", threshold=0.25, abstain_below=0.71) is None
    assert two(0.3, positive="ad", threshold=0.25, abstain_below=0.69) == "ad"


@given(st.floats(0, 1), st.floats(0, 1))
def test_a_threshold_splits_the_probabilities_in_two(p, threshold):
    assert (two(p, positive="ad", threshold=threshold) == "ad") == (p >= threshold)


@pytest.mark.parametrize(
    "content, expected",
    [
        (NULLS | {"classes": ["cat"]}, r"classes cat, dog\. Received: cat"),
        ({"classes": ["cat", "dog"]}, "Expected abstain_below, positive, threshold in"),
        ([1, 2], r"Expected JSON in .*decision\.json"),
    ],
)
def test_files_that_are_not_the_models_are_refused(tmp_path, content, expected):
    path = tmp_path / "decision.json"
    write_json(path, content)
    with pytest.raises(StageError, match=expected):
        read_decision(path, ["cat", "dog"])


def test_damaged_and_missing_files_are_refused(tmp_path):
    path = tmp_path / "decision.json"
    with pytest.raises(StageError, match=r"Received: no such file\. `dvc repro evaluate`"):
        read_decision(path, ["cat", "dog"])
    path.write_text("[1, 2")
    with pytest.raises(StageError, match="Expected JSON in"):
        read_decision(path, ["cat", "dog"])
