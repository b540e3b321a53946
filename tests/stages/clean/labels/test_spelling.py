from collections import Counter

from stages.clean.labels.class_folders import LabelledFile
from stages.clean.labels.spelling import one_spelling


def spelled(*labels):
    files = [LabelledFile(f"{n}.jpg", label, None) for n, label in enumerate(labels)]
    written, warnings = one_spelling(files)
    assert [file.path for file in written] == [file.path for file in files]
    return Counter(file.label for file in written), warnings


def test_accents_and_numbers_are_written_in_one_way():
    assert spelled("caf\u00e9", "cafe\u0301", "1", "1.0", "1.", "2.0", "007") == (
        {"caf\u00e9": 2, "1": 3, "2.0": 1, "007": 1},
        [],
    )


def test_names_that_hardly_differ_are_told_and_kept():
    counts, (warning,) = spelled("Cat", "cat", "cat", "polar bear", "polar_bear", "dog")
    assert counts == {"Cat": 1, "cat": 2, "polar bear": 1, "polar_bear": 1, "dog": 1}
    assert "\n  'Cat' (1 files) and 'cat' (2 files)" in warning
    assert "\n  'polar bear' (1 files) and 'polar_bear' (1 files)" in warning
    assert spelled("+", "-") == ({"+": 1, "-": 1}, [])
