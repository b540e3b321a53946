import pandas as pd
import pytest

from common.errors import StageError
from common.schema import Split
from stages.split.leaks import ACTIONS, find_leaks, resolve_leaks, write_leaks
from tests.helpers.manifests import manifest_of

MANIFEST = manifest_of(["a"] * 5, groups=[0, 0, 1, 1, 2])
SPLIT = pd.Series(["train", "test", "val", "test", "train"])


def test_the_split_that_measures_more_finally_is_left_alone():
    leaks = find_leaks(MANIFEST, SPLIT)
    assert [(leak["path"], leak["split"], leak["other_path"]) for leak in leaks] == [
        ("a/0.jpg", "train", "a/1.jpg"),
        ("a/2.jpg", "val", "a/3.jpg"),
    ]
    assert [leak["index"] for leak in leaks] == [0, 2]


def test_leaks_are_dropped_or_kept_and_listed_either_way(tmp_path):
    kept, split, leaks = resolve_leaks(MANIFEST, SPLIT, "drop_train")
    assert kept["path"].tolist() == ["a/1.jpg", "a/3.jpg", "a/4.jpg"]
    assert split.tolist() == ["test", "test", "train"]
    assert [leak["action"] for leak in leaks] == ["dropped", "dropped"]
    write_leaks(tmp_path / "leaks.csv", leaks)
    lines = (tmp_path / "leaks.csv").read_text().splitlines()
    assert lines[0] == "path,label,split,group,other_path,other_split,action"
    assert lines[1] == "a/0.jpg,a,train,0,a/1.jpg,test,dropped"
    same, split, leaks = resolve_leaks(MANIFEST, SPLIT, "allow")
    assert same.equals(MANIFEST)
    assert split.equals(SPLIT)
    assert [leak["action"] for leak in leaks] == ["kept", "kept"]


def test_leaks_as_an_error_are_named():
    with pytest.raises(StageError, match=r"Received 2:\n  a/0\.jpg \(train\) ~ a/1\.jpg \(test\)"):
        resolve_leaks(MANIFEST, SPLIT, "error")
    apart = MANIFEST.assign(group=range(5))
    assert resolve_leaks(apart, SPLIT, "error")[2] == []


def test_every_choice_of_leakage_has_its_action():
    assert set(ACTIONS) == set(Split.model_fields["leakage"].annotation.__args__)
