import pytest

from common.errors import StageError
from stages.clean.labels.class_folders import label_by_folder


def labels(paths):
    labelled, outside = label_by_folder(paths)
    return {item.path: (item.label, item.given_split) for item in labelled}, outside


def test_one_folder_per_class():
    assert labels(["cat/1.jpg", "dog/2.jpg"]) == (
        {"cat/1.jpg": ("cat", None), "dog/2.jpg": ("dog", None)},
        [],
    )


def test_folders_around_and_below_the_classes_do_not_matter():
    by_path, _ = labels(["a/b/Dataset/cat/1.jpg", "a/b/Dataset/dog/2020/05/2.jpg"])
    assert by_path == {
        "a/b/Dataset/cat/1.jpg": ("cat", None),
        "a/b/Dataset/dog/2020/05/2.jpg": ("dog", None),
    }


@pytest.mark.parametrize("validation", ["val", "valid", "validation", "VAL"])
def test_given_splits_above_the_classes(validation):
    paths = ["set/train/cat/1.jpg", "set/train/dog/2.jpg"]
    paths += [f"set/{validation}/cat/3.jpg", "set/test/dog/4.jpg"]
    by_path, outside = labels(paths)
    assert outside == []
    assert sorted(by_path.values()) == [
        ("cat", "train"),
        ("cat", "val"),
        ("dog", "test"),
        ("dog", "train"),
    ]


def test_given_splits_below_the_classes():
    by_path, _ = labels(["cat/train/1.jpg", "cat/test/2.jpg", "dog/train/3.jpg", "dog/test/4.jpg"])
    assert by_path["cat/test/2.jpg"] == ("cat", "test")
    assert by_path["dog/train/3.jpg"] == ("dog", "train")


def test_a_class_called_train_is_a_class():
    by_path, _ = labels(["train/1.jpg", "bus/2.jpg", "car/3.jpg"])
    assert by_path["train/1.jpg"] == ("train", None)


def test_files_outside_the_class_folders_are_returned_apart():
    by_path, outside = labels(["readme.txt", "Dataset/notes.txt", "Dataset/cat/1", "Dataset/dog/2"])
    assert set(by_path) == {"Dataset/cat/1", "Dataset/dog/2"}
    assert outside == ["Dataset/notes.txt", "readme.txt"]
    _, outside = labels(["train/x.jpg", "train/cat/1", "train/dog/2", "test/cat/3", "test/dog/4"])
    assert outside == ["train/x.jpg"]


@pytest.mark.parametrize("paths", [[], ["1.jpg", "2.jpg"], ["cat/1.jpg"], ["a/b/cat/1.jpg"]])
def test_fewer_than_two_classes_are_an_error(paths):
    with pytest.raises(StageError, match=r"two classes at least\. Received: [01] class folder"):
        label_by_folder(paths)


def test_other_folders_beside_splits_are_an_error():
    with pytest.raises(StageError, match="Received also: extra"):
        label_by_folder(["train/cat/1", "test/cat/2", "train/dog/3", "extra/dog/4"])
