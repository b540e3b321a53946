import pandas as pd
import pytest

from common.reasons import REASONS
from stages.clean.labels.class_folders import LabelledFile
from stages.clean.labels.read import SourceLabels
from stages.clean.quality import RULES
from stages.clean.summary import metrics_of, summary_of

LABELS = SourceLabels(
    labelled=[LabelledFile(f"x/{i}", "x", None) for i in range(5)],
    outside=["notes.txt", "more.txt"],
    tables=["x.csv"],
    unlisted=["x/9"],
    missing=4,
    warnings=[],
)
KEPT = pd.DataFrame({"label": ["x", "y", "x"], "group": [4, 4, 9]}).assign(
    **dict.fromkeys(RULES, False) | {"dark": [True, False, True]}
)
REJECTED = [{"reason": "truncated"}, {"reason": "empty"}, {"reason": "truncated"}]


def test_the_metrics_by_hand():
    assert metrics_of(11, 1, LABELS, KEPT, REJECTED) == {
        "files": 11,
        "junk": 1,
        "outside_classes": 2,
        "label_tables": 1,
        "unlisted": 1,
        "listed_but_missing": 4,
        "kept": 3,
        "rejected": 3,
        "rejected_by_reason": dict.fromkeys(REASONS, 0) | {"truncated": 2, "empty": 1},
        "kept_by_class": {"x": 2, "y": 1},
        "groups": 2,
        "flags": dict.fromkeys(RULES, 0) | {"dark": 2},
        "flags_by_class": {flag: {} for flag in RULES} | {"dark": {"x": 2}},
    }


def test_a_file_that_is_not_counted_is_an_error():
    with pytest.raises(AssertionError, match="Expected each of 12 files to be counted once"):
        metrics_of(12, 1, LABELS, KEPT, REJECTED)


def test_the_closing_line():
    metrics = metrics_of(11, 1, LABELS, KEPT, REJECTED)
    assert summary_of(metrics) == "3 of 6 images kept; 1 empty, 2 truncated rejected"
    metrics = {"kept": 1234, "rejected": 0, "rejected_by_reason": dict.fromkeys(REASONS, 0)}
    assert summary_of(metrics) == "1,234 of 1,234 images kept; none rejected"
