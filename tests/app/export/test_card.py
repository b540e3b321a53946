"""export.json: its fields and the line for people, by hand."""

import hashlib

import pytest

from app.export.card import check_fields, file_fields, in_words
from app.export.comparison import Comparison

FLOAT = Comparison("test", 200, 2.5e-6, 1e-6, 1.0, 0.9, 0.9)
INT8 = Comparison("test", 310, 0.44, 0.034, 0.99, 0.932, 0.9315)


def test_the_comparison_has_the_names_of_the_first_release():
    assert check_fields(INT8) == {
        "source": "test",
        "pictures": 310,
        "largest_difference": 0.44,
        "mean_difference": 0.034,
        "agreement": 0.99,
        "accuracy_keras": 0.932,
        "accuracy_export": 0.9315,
    }


def test_files_are_counted_with_those_of_folders_below(tmp_path):
    (tmp_path / "variables").mkdir()
    (tmp_path / "model").write_bytes(b"abc")
    (tmp_path / "variables/data").write_bytes(b"de")
    fields = file_fields(tmp_path)
    assert fields["bytes"] == 5
    assert list(fields["files"]) == ["model", "variables/data"]
    assert fields["files"]["model"] == hashlib.sha256(b"abc").hexdigest()


@pytest.mark.parametrize(
    ("comparison", "quantised", "expected"),
    [
        (FLOAT, False, "largest difference 2.5e-06 on 200 images (test)"),
        (
            INT8,
            True,
            "largest difference 0.44 on 310 images (test), 0.034 in the mean, accuracy 0.9320 "
            "before and 0.9315 after (-0.0005)",
        ),
    ],
)
def test_the_line_for_people(comparison, quantised, expected):
    assert in_words(comparison, quantised) == expected
