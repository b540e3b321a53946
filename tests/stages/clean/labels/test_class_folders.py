import pytest

from common.errors import StageError
from stages.clean.labels.class_folders import doubtful_folders, label_by_folder, split_by_folder


def labels(paths, splits=None):
    labelled, outside = label_by_folder(paths, splits)
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


LAYOUTS = {
    "intel": ("seg_train/seg_train/{}", "seg_test/seg_test/{}", None),
    "cats and dogs": ("training_set/training_set/{}", "test_set/test_set/{}", None),
    "dev": ("train/{}", None, "dev/{}"),
    "camel case": ("TrainImages/{}", "TestImages/{}", "ValImages/{}"),
    "run together": ("trainset/{}", "testset/{}", "valset/{}"),
    "years": ("train2017/{}", None, "val2017/{}"),
    "numbers": ("train_1/{}", "test_1/{}", None),
    "a project's name": ("asl_alphabet_train/asl_alphabet_train/{}", "asl_alphabet_test/{}", None),
    "folders of images": ("train/images/{}", "test/images/{}", "valid/images/{}"),
    "around everything": ("archive/data/Training/{}", "archive/data/Testing/{}", None),
    "capitals": ("TRAIN/{}", "TEST/{}", "VAL/{}"),
    "below the classes": ("{}/train", "{}/test", "{}/val"),
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_words_for_splits(layout):
    of_split = dict(zip(("train", "test", "val"), layout, strict=True))
    expected = {
        f"{folder.format(name)}/{split}.jpg": (name, split)
        for split, folder in of_split.items()
        if folder
        for name in ("forest", "sea")
    }
    assert labels(list(expected)) == (expected, [])


def test_pictures_without_labels_beside_splits_are_left_out():
    paths = ["seg_train/sea/1", "seg_train/forest/2", "seg_test/sea/3", "seg_pred/seg_pred/4"]
    by_path, outside = labels(paths)
    assert set(by_path.values()) == {("sea", "train"), ("forest", "train"), ("sea", "test")}
    assert outside == ["seg_pred/seg_pred/4"]


def test_a_split_inside_itself_and_nothing_else():
    by_path, _ = labels(["train/train/cat/1", "train/train/dog/2"])
    assert set(by_path.values()) == {("cat", None), ("dog", None)}


@pytest.mark.parametrize(
    "classes",
    [
        ("train station", "test tube"),
        ("train", "bus"),
        ("valid", "invalid"),
        ("test kit", "mask"),
        ("development", "forest"),
    ],
)
def test_classes_whose_names_hold_such_words(classes):
    by_path, _ = labels([f"{name}/1.jpg" for name in classes])
    assert {label for label, _ in by_path.values()} == set(classes)


@pytest.mark.parametrize(
    ("paths", "named"),
    [
        (["train/cat/1", "test/cat/2", "train/dog/3", "extra/dog/4"], "extra"),
        (["cat/1", "dog/2", "test/3"], "test beside cat, dog"),
        (["train/cat/1", "train/dog/2", "more/cat/3"], "train beside more"),
        (["val/cat/1", "val/dog/2", "test/cat/3", "test/dog/4"], "test, val"),
        (["fold1/cat/1", "fold1/dog/2", "fold2/cat/3", "fold2/dog/4"], "fold1, fold2, which"),
        (["train_cat/1", "train_dog/2", "test_cat/3", "test_dog/4"], "splits and classes at once"),
        (
            ["cat/train/1", "cat/test/2", "dog/train/3", "dog/more/4"],
            "more, test, train in folders",
        ),
        (
            [f"{a}/{b}/{c}/1" for a in "ab" for b in ("train", "test") for c in ("cat", "dog")],
            "a/test, a/train, b/test, b/train",
        ),
    ],
)
def test_what_looks_like_splits_and_cannot_be_read_is_an_error(paths, named):
    with pytest.raises(StageError, match=f"Received: .*{named}.*") as error:
        label_by_folder(paths)
    assert "data.splits:" in str(error.value)
    found, _ = label_by_folder(paths, {})
    assert len(found) == len(paths)


def test_parts_with_the_classes_in_them_are_doubtful():
    paths = [f"{part}/{name}/1.jpg" for part in ("spring", "autumn") for name in ("cat", "dog")]
    assert "autumn, spring each hold folders of the same names (cat, dog)" in doubtful_folders(
        paths
    )
    assert doubtful_folders(paths, {}) is None
    assert doubtful_folders(["cat/a/1", "cat/b/2", "dog/a/3"]) is None


def test_splits_by_parameter():
    splits = {"one": "train", "two/more": "test", "rest": "leave_out"}
    paths = ["set/one/cat/1", "set/one/dog/2", "set/two/more/cat/3", "set/rest/4", "set/one/5"]
    by_path, outside = labels(paths, splits)
    assert by_path == {
        "set/one/cat/1": ("cat", "train"),
        "set/one/dog/2": ("dog", "train"),
        "set/two/more/cat/3": ("cat", "test"),
    }
    assert outside == ["set/one/5", "set/rest/4"]
    assert split_by_folder(paths[:4], splits) == {
        "set/one/cat/1": "train",
        "set/one/dog/2": "train",
        "set/two/more/cat/3": "test",
    }
    below, _ = labels(["cat/a/1", "cat/b/2", "dog/a/3"], {"*/a": "train", "*/b": "val"})
    assert below["cat/b/2"] == ("cat", "val")
    assert below["dog/a/3"] == ("dog", "train")


@pytest.mark.parametrize(
    ("splits", "message"),
    [
        ({"one": "train"}, "no split for two"),
        ({"one": "train", "two": "val", "three": "test"}, "three, where no file is"),
    ],
)
def test_faulty_splits_by_parameter(splits, message):
    with pytest.raises(StageError, match=message):
        label_by_folder(["one/cat/1", "one/dog/2", "two/cat/3"], splits)
