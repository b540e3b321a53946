import pandas as pd
import pytest

from common.errors import StageError
from common.schema import Split
from stages.split.assign import assign_splits
from stages.split.leaks import ACTIONS, find_leaks, in_split, resolve_leaks, write_leaks
from tests.helpers.manifests import manifest_of

MANIFEST = manifest_of(["a"] * 5, groups=[0, 0, 1, 1, 2])
SPLIT = pd.Series(["train", "test", "val", "test", "train"])
GIVEN = MANIFEST.assign(given_split=[*SPLIT[:4], None])


def test_the_split_that_measures_more_finally_is_left_alone():
    leaks = find_leaks(MANIFEST, SPLIT)
    assert [(leak["path"], leak["split"], leak["other_path"]) for leak in leaks] == [
        ("a/0.jpg", "train", "a/1.jpg"),
        ("a/2.jpg", "val", "a/3.jpg"),
    ]
    assert [leak["index"] for leak in leaks] == [0, 2]


def test_leaks_are_dropped_or_kept_and_listed_either_way(tmp_path):
    kept, leaks = resolve_leaks(GIVEN, "drop_train")
    assert kept["path"].tolist() == ["a/1.jpg", "a/3.jpg", "a/4.jpg"]
    assert [leak["action"] for leak in leaks] == ["dropped", "dropped"]
    write_leaks(tmp_path / "leaks.csv", leaks)
    lines = (tmp_path / "leaks.csv").read_text().splitlines()
    assert lines[0] == "path,label,split,group,other_path,other_split,action"
    assert lines[1] == "a/0.jpg,a,train,0,a/1.jpg,test,dropped"
    same, leaks = resolve_leaks(GIVEN, "allow")
    assert same.equals(GIVEN)
    assert [leak["action"] for leak in leaks] == ["kept", "kept"]


def test_leaks_as_an_error_are_named():
    with pytest.raises(StageError, match=r"Received 2:\n  a/0\.jpg \(train\) ~ a/1\.jpg \(test\)"):
        resolve_leaks(GIVEN, "error")
    apart = GIVEN.assign(group=range(5))
    assert resolve_leaks(apart, "error")[1] == []


def test_every_choice_of_leakage_has_its_action():
    assert set(ACTIONS) == set(Split.model_fields["leakage"].annotation.__args__)


def test_leaks_that_stay_are_told_where_they_were_drawn_to():
    _, leaks = resolve_leaks(GIVEN, "allow")
    drawn = pd.Series(["val", "test", "val", "test", "train"])
    assert [leak["split"] for leak in in_split(leaks, drawn)] == ["val", "val"]
    _, leaks = resolve_leaks(GIVEN, "drop_train")
    assert [leak["split"] for leak in in_split(leaks, drawn.drop([0, 2]))] == ["train", "val"]


def test_val_is_drawn_from_what_leaks_leave():
    """Of 40 training images 20 have a copy in test: 3 of 10 of the others are val."""
    copies = [("train", n) for n in range(40)] + [("test", n) for n in range(20)]
    frame = manifest_of(["a", "b"] * 30, groups=[group for _, group in copies])
    frame["given_split"] = [split if split == "test" else None for split, _ in copies]
    kept, leaks = resolve_leaks(frame, "drop_train")
    split = assign_splits(kept, 0.3, 0.1, 0)
    assert len(leaks) == 20
    assert split.value_counts().to_dict() == {"test": 20, "train": 14, "val": 6}
