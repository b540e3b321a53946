import numpy as np
import pandas as pd
import pytest

from stages.clean.labels.class_folders import LabelledFile
from stages.clean.rows import manifest_rows, rejected_row


def test_a_rejected_file():
    assert rejected_row(LabelledFile("cat/1.jpg", "cat", None), "empty", "0 bytes") == {
        "path": "cat/1.jpg",
        "label": "cat",
        "reason": "empty",
        "detail": "0 bytes",
        "kept_path": "",
    }


def test_a_misspelt_reason_is_an_error_at_once():
    with pytest.raises(ValueError, match=r"Expected one of .*'empty'.* Received: 'emtpy'"):
        rejected_row(LabelledFile("cat/1.jpg", "cat", None), "emtpy", "0 bytes")


def test_hashes_become_text_and_groups_are_numbered_anew():
    kept = pd.DataFrame({"hash": np.array([255, 2**63, 0], np.uint64), "group": [7, 3, 7]})
    rows = manifest_rows(kept)
    assert rows["phash"].tolist() == ["00000000000000ff", "8000000000000000", "0000000000000000"]
    assert rows["group"].tolist() == [0, 1, 0]
    assert kept["group"].tolist() == [7, 3, 7]
