import pandas as pd
import pytest

from common.params import read_params
from stages.clean.duplicates.best import keep_best
from tests.helpers.pipeline import ROOT

CLEAN = read_params(ROOT / "params.yaml").clean


def images(*rows) -> pd.DataFrame:
    """Rows of (path, sha256, width, bytes, group), all 10 px high; the folder is the label."""
    frame = pd.DataFrame(rows, columns=["path", "sha256", "width", "bytes", "group"])
    return frame.assign(
        height=10, given_split=None, label=frame["path"].str.split("/").str[0].astype(object)
    )


def result(frame, **changes):
    """Kept paths; path -> (reason, kept_path, group)."""
    kept, rejected = keep_best(frame, CLEAN.model_copy(update=changes))
    fates = {row["path"]: (row["reason"], row["kept_path"], row["group"]) for row in rejected}
    assert len(fates) + len(kept) == len(frame)
    return list(kept["path"]), fates


def test_the_largest_then_the_least_compressed_then_the_first_is_kept():
    frame = images(
        *(("a/1", "x", 10, 99, 0), ("a/2", "y", 20, 50, 0), ("a/3", "z", 20, 60, 0)),
        *(("a/5", "v", 5, 7, 4), ("a/4", "w", 5, 7, 4)),
    )
    kept, fates = result(frame)
    assert kept == ["a/3", "a/4"]
    assert fates == {
        "a/1": ("near_duplicate", "a/3", 0),
        "a/2": ("near_duplicate", "a/3", 0),
        "a/5": ("near_duplicate", "a/4", 4),
    }


@pytest.mark.parametrize("near_duplicates", ["group", "drop"])
def test_equal_bytes_name_the_copy_with_these_bytes(near_duplicates):
    frame = images(("a/1", "x", 20, 9, 0), ("a/2", "y", 10, 5, 0), ("a/3", "y", 10, 5, 0))
    kept, fates = result(frame, near_duplicates=near_duplicates)
    assert fates["a/3"] == ("exact_duplicate", "a/2", 0)
    assert kept == (["a/1"] if near_duplicates == "drop" else ["a/1", "a/2"])


def test_a_group_under_two_labels_is_dropped_or_kept_per_label():
    frame = images(("a/1", "x", 20, 9, 0), ("b/1", "x", 20, 9, 0), ("b/2", "y", 10, 5, 0))
    kept, fates = result(frame)
    assert kept == []
    assert set(fates.values()) == {("label_conflict", "", 0)}
    _, rejected = keep_best(frame, CLEAN)
    assert [row["detail"] for row in rejected] == [
        "also labelled otherwise: b/1",
        "also labelled otherwise: a/1",
        "also labelled otherwise: a/1",
    ]
    kept, fates = result(frame, conflicts="keep")
    assert kept == ["a/1", "b/1"]
    assert fates == {"b/2": ("near_duplicate", "b/1", 0)}


def test_copies_in_two_given_splits_are_kept():
    frame = images(("a/1", "x", 20, 9, 0), ("a/2", "x", 20, 9, 0), ("a/3", "x", 20, 9, 0))
    kept, fates = result(frame.assign(given_split=["train", "test", "test"]))
    assert kept == ["a/1", "a/2"]
    assert fates == {"a/3": ("exact_duplicate", "a/2", 0)}
