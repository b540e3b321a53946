import pandas as pd
import pytest

from common.errors import StageError
from stages.split.leaks import resolve_leaks
from stages.split.summary import class_names_of, count_images, metrics_of, summary_of
from tests.helpers.manifests import manifest_of

LABELS = ["b", "a", "a", "b", "a", "b", "a"]
SPLIT = pd.Series(["train", "train", "val", "val", "test", "test", "train"])


def test_numbers_by_hand():
    manifest = manifest_of(LABELS, groups=[0, 1, 2, 3, 4, 5, 4])  # the last is a copy of test's
    kept, leaks = resolve_leaks(manifest.assign(given_split=SPLIT), "drop_train")
    split = SPLIT[kept.index]
    counts = count_images(kept, split, ["a", "b"])
    metrics = metrics_of(kept, split, counts, leaks)
    one_each = {"n_examples": 2, "groups": 2, "per_class": {"a": 1, "b": 1}}
    assert metrics == {
        "train": one_each,
        "val": one_each,
        "test": one_each,
        "n_classes": 2,
        "pictures": 7,
        "leaks": 1,
        "dropped": 1,
    }
    assert summary_of(metrics, (32, 48)) == "2 train, 2 val, 2 test; 2 classes, 32x48 px"


def test_copies_that_stay_count_as_images_of_one_group():
    manifest = manifest_of(LABELS, groups=[0, 1, 2, 3, 4, 5, 1])
    kept, leaks = resolve_leaks(manifest.assign(given_split=SPLIT), "allow")
    split = SPLIT
    metrics = metrics_of(kept, split, count_images(kept, split, ["a", "b"]), leaks)
    assert metrics["train"] == {"n_examples": 3, "groups": 2, "per_class": {"a": 2, "b": 1}}
    assert (metrics["pictures"], metrics["dropped"]) == (7, 0)


def test_two_classes_at_least_in_every_split():
    assert class_names_of(manifest_of(LABELS), "m") == ["a", "b"]
    with pytest.raises(StageError, match=r"two classes in m\. Received: a\. See"):
        class_names_of(manifest_of(["a", "a"]), "m")
    with pytest.raises(StageError, match="a class is missing from a split"):
        count_images(manifest_of(LABELS), SPLIT.replace("val", "train"), ["a", "b"])
