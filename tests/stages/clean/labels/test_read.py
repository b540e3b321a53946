import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from common.errors import StageError
from stages.clean.labels.read import read_labels
from stages.clean.labels.table import Columns

COLUMNS = Columns("image_name", "target", "split")
PETS = ["cat/1.jpg", "cat/2.jpg", "dog/1.jpg", "dog/2.jpg"]


def read(folder, files, tables, labels=None):
    """Labels `files`, which need no content, beside `tables`: name -> lines after the header."""
    for name, lines in tables.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        header = "image_name,target" + (",split" if lines and lines[0].count(",") == 2 else "")
        path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    source = read_labels(folder, [*files, *tables], COLUMNS, labels)
    counted = (
        [item.path for item in source.labelled] + source.outside + source.tables + source.unlisted
    )
    assert sorted(counted) == sorted([*files, *tables])
    return source


def labels_of(source):
    return {item.path: (item.label, item.given_split) for item in source.labelled}


BY_FOLDER = {path: (path[:3], None) for path in PETS}


def test_folders_alone(tmp_path):
    source = read(tmp_path, [*PETS, "notes.txt"], {})
    assert labels_of(source) == BY_FOLDER
    assert (source.outside, source.tables, source.missing) == (["notes.txt"], [], 0)
    assert source.warnings == ["1 file(s) outside of class folders left out: notes.txt"]


@pytest.mark.parametrize(
    "tables",
    [
        {"cat.csv": ["1.jpg,cat", "2.jpg,cat"], "dog.csv": ["1.jpg,dog", "2.jpg,dog"]},
        {"cat/cat.csv": ["1.jpg,cat", "2.jpg,cat"], "dog/dog.csv": ["1,dog", "2,dog"]},
        {"cat.csv": ["cat/1.jpg,0", "cat/2,0"], "dog.csv": [r".\dog\1.jpg,1", "/dog/2.jpg,1"]},
        {"all.csv": ["cat/1.jpg,cat", "cat/2,cat", " dog/1.jpg ,dog", "./dog/2.jpg,dog"]},
        {"all.csv": ["1.jpg,cat", "1.jpg,dog", "2,cat", "2,dog", "2.jpg,dog"]},
        {"tables/all.csv": ["../cat/1.jpg,1", "cat/2.jpg,1", "dog/1,0", "dog/2,0"]},
    ],
)
def test_csvs_beside_the_folders_that_agree(tmp_path, tables):
    source = read(tmp_path, PETS, tables)
    assert labels_of(source) == BY_FOLDER
    assert (source.tables, source.missing, source.warnings) == ([*tables], 0, [])


def test_folders_with_numbers_and_csvs_of_their_names(tmp_path):
    files = ["Dataset/0/a.jpg", "Dataset/1/a.jpg"]
    source = read(tmp_path, files, {"Dataset/0.csv": ["a.jpg,0"], "Dataset/1.csv": ["a.jpg,1.0"]})
    assert labels_of(source) == {files[0]: ("0", None), files[1]: ("1", None)}
    source = read(tmp_path, files, {"Dataset/0.csv": ["a,ads"], "Dataset/1.csv": ["a,other"]})
    assert labels_of(source) == {files[0]: ("0", None), files[1]: ("1", None)}


@pytest.mark.parametrize(
    ("tables", "quoted"),
    [
        ({"cat.csv": ["1.jpg,cat", "2.jpg,dog"]}, ["cat/2.jpg: folder cat, cat.csv:3 says dog"]),
        ({"cat.csv": ["1.jpg,dog"], "dog.csv": ["1.jpg,cat"]}, ["2 of 2 listed"]),
        ({"a.csv": ["cat/1,Cat", "cat/2,Cat", "dog/1,Dog"]}, ["3 of 3"]),
        # Numbers stand for names one to one, but for one row.
        (
            {"a.csv": ["cat/1,0", "cat/2,0", "dog/1,1", "dog/2,0"]},
            ["1 of 4", "dog/2.jpg: folder dog, a.csv:5 says 0"],
        ),
        ({"cat.csv": ["1,0", "2,0"], "dog.csv": ["1,0"]}, ["1 of 3", "dog/1.jpg: folder dog"]),
    ],
)
def test_csvs_that_disagree_with_the_folders(tmp_path, tables, quoted):
    with pytest.raises(StageError, match="class folders and the CSVs beside them") as caught:
        read(tmp_path, PETS, tables)
    assert all(text in str(caught.value) for text in quoted)


def test_swapped_numbers_are_no_agreement(tmp_path):
    with pytest.raises(StageError, match="2 of 2"):
        read(tmp_path, ["0/a.jpg", "1/b.jpg"], {"0.csv": ["a.jpg,1"], "1.csv": ["b.jpg,0"]})


def test_other_csvs_are_files_as_any(tmp_path):
    for name in ("notes.csv", "cat/sizes.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("file,size\n1.jpg,3\n")
    (tmp_path / "dog.csv").write_text("picture,target\n1.jpg,cat\n")
    files = [*PETS, "cat/sizes.csv", "notes.csv", "dog.csv"]
    source = read(tmp_path, files, {})
    assert labels_of(source) == BY_FOLDER | {"cat/sizes.csv": ("cat", None)}
    assert (sorted(source.outside), source.tables) == (["dog.csv", "notes.csv"], [])
    assert "dog.csv was not compared with the folder dog" in source.warnings[0]
    assert "received picture, target" in source.warnings[0]


def test_what_csvs_beside_the_folders_leave_out(tmp_path):
    """An image that cat.csv misses is not that of another folder with the same name."""
    lines = ["1.jpg,cat", "2.jpg,cat", "7.jpg,cat"]
    source = read(tmp_path, [*PETS, "cat/3.jpg", "dog/7.jpg"], {"cat.csv": lines})
    assert labels_of(source) == BY_FOLDER | {"cat/3.jpg": ("cat", None), "dog/7.jpg": ("dog", None)}
    assert (source.missing, source.unlisted) == (1, [])
    assert (
        "1 file(s) that no CSV beside" in source.warnings[0] and "cat/3.jpg" in source.warnings[0]
    )
    assert source.warnings[1].endswith("name files that are missing: 7.jpg (cat.csv:4)")


def test_splits_of_csvs_and_folders(tmp_path):
    lines = ["cat/1,cat,train", "cat/2,cat,TEST", "dog/1,dog,", "dog/2,dog,valid"]
    source = read(tmp_path, PETS, {"a.csv": lines})
    assert [item.given_split for item in source.labelled] == ["train", "test", None, "val"]
    assert source.warnings == ["1 of 4 files have no given split and are taken as train: dog/1.jpg"]
    files = [f"{split}/{path}" for split in ("train", "test") for path in PETS]
    source = read(tmp_path, files, {"train.csv": ["cat/1.jpg,0,train", "dog/1.jpg,1,"]})
    assert source.warnings[0].startswith("2 file(s) that no CSV")
    assert labels_of(source)["train/dog/1.jpg"] == ("dog", "train")
    message = "\n  test/cat/2.jpg: folder test, all.csv:2 says val"
    with pytest.raises(StageError, match=message):
        read(tmp_path, files, {"all.csv": ["test/cat/2.jpg,cat,val"]})


def test_without_class_folders_the_table_is_named(tmp_path):
    with pytest.raises(StageError, match=r"two classes at least.* Or set data\.labels to t\.csv"):
        read(tmp_path, ["images/1.jpg", "images/2.jpg"], {"t.csv": ["1.jpg,a", "2.jpg,b"]})


FLAT = ["images/a.jpg", "images/b.png", "images/c.d.jpg"]
FLAT_LABELS = dict(zip(FLAT, [("x", None), ("y", None), ("x", None)], strict=True))


@pytest.mark.parametrize(
    ("name", "cells", "labels"),
    [
        ("t.csv", ["a.jpg", "b.png", "c.d.jpg"], "t.csv"),
        ("t.csv", ["a", "b", "c.d"], "t.csv"),
        ("t.csv", ["images/a.jpg", "./images/b.png", r"images\c.d"], "./t.csv"),
        ("images/t.csv", ["a.jpg", "../images/b.png", "images/c.d.jpg"], r"images\t.csv"),
        ("labels/labels.csv", ["a.jpg", "../images/b", "images/c.d.jpg"], "labels/labels.csv"),
        ("images.csv", ["a.jpg", "b.png", "images/c.d"], "images.csv"),
    ],
)
@pytest.mark.parametrize("top", ["", "set/", "set/v 2/"])
def test_one_table_and_its_ways_to_name_an_image(tmp_path, top, name, cells, labels):
    lines = [f"{cell},{label}" for cell, label in zip(cells, "xyx", strict=True)]
    files = [top + path for path in FLAT]
    source = read(tmp_path, files, {top + name: lines}, labels)
    assert labels_of(source) == {top + path: value for path, value in FLAT_LABELS.items()}
    assert (source.tables, source.unlisted, source.warnings) == ([top + name], [], [])


def test_a_parquet_table_with_numbers_and_splits(tmp_path):
    table = {"image_name": [1, 2], "target": [0.0, 1.0], "split": ["train", None]}
    pq.write_table(pa.table(table), tmp_path / "t.parquet")
    source = read(tmp_path, ["x/1.jpg", "x/1.xml", "x/2.jpg", "t.parquet"], {}, "t.parquet")
    assert labels_of(source) == {"x/1.jpg": ("0", "train"), "x/2.jpg": ("1", None)}
    assert source.unlisted == ["x/1.xml"]
    assert source.warnings == [
        "1 file(s) that are not in t.parquet left out: x/1.xml",
        "1 of 2 files have no given split and are taken as train: x/2.jpg",
    ]


def test_split_folders_need_no_class_folders(tmp_path):
    files = ["train/1.jpg", "train/2.jpg", "val/3.jpg", "test/4.jpg"]
    lines = ["1.jpg,a", "2.jpg,b", "3.jpg,a", "4.jpg,b"]
    source = read(tmp_path, files, {"t.csv": lines}, "t.csv")
    assert [item.given_split for item in source.labelled] == ["test", "train", "train", "val"]
    lines = ["1.jpg,a,train", "2.jpg,b,test", "3.jpg,a,val", "4.jpg,b,"]
    with pytest.raises(StageError, match=r"train/2\.jpg: folder train, t\.csv:3 says test"):
        read(tmp_path, files, {"t.csv": lines}, "t.csv")


def test_a_table_called_like_a_folder_is_about_that_folder(tmp_path):
    files = ["train/1.jpg", "train/2.jpg", "test/1.jpg", "test/3.jpg"]
    source = read(tmp_path, files, {"train.csv": ["1.jpg,a", "2.jpg,b", "3.jpg,b"]}, "train.csv")
    assert labels_of(source) == {"train/1.jpg": ("a", None), "train/2.jpg": ("b", None)}
    assert (source.missing, source.unlisted) == (1, ["test/1.jpg", "test/3.jpg"])


def test_accents_written_apart_are_the_same_name(tmp_path):
    lines = ["caf\u00e9.jpg,a", "b.jpg,b"]
    source = read(tmp_path, ["p/cafe\u0301.jpg", "p/b.jpg"], {"t.csv": lines}, "t.csv")
    assert labels_of(source)["p/cafe\u0301.jpg"] == ("a", None)


@pytest.mark.parametrize(
    ("files", "lines", "message"),
    [
        (PETS, ["1.jpg,a", "cat/2,b"], r"t\.csv:2: 1\.jpg may be cat/1\.jpg or dog/1\.jpg"),
        (["x/1.jpg", "x/1.png"], ["1,a"], r"1 may be x/1\.jpg or x/1\.png"),
        (PETS, ["cat/1,a", "cat/1.jpg,b"], r"cat/1\.jpg: t\.csv:2 says a, t\.csv:3 says b"),
        (PETS, ["cat/1,a,val", "cat/1,a,test"], "says a, val, t.csv:3 says a, test"),
        (PETS, ["cat/1,a", "u,a", "v,b"], r"2 of 3 are missing:\n  t\.csv:3: u\n.*\nFiles .*cat/1"),
        (PETS, ["cat/1,a", "dog/1,a"], r"two classes at least.*Received: \['a'\] in 2 row"),
        (PETS, [], "Received: none in 0 row"),
        (PETS, ["cat/1,cat", "dog/1,dog", "dog/2,cat"], r"dog/2\.jpg: folder dog, t\.csv:4 says"),
    ],
)
def test_what_one_table_may_not_say(tmp_path, files, lines, message):
    with pytest.raises(StageError, match=message):
        read(tmp_path, files, {"t.csv": lines}, "t.csv")


@pytest.mark.parametrize("labels", ["u.csv", "../t.csv", "/t.csv", "cat"])
def test_a_table_that_is_not_there(tmp_path, labels):
    with pytest.raises(StageError, match=r"inside the source.*Tables that are: t\.csv\."):
        read(tmp_path, PETS, {"t.csv": []}, labels)


def test_folders_that_are_no_classes_do_not_matter(tmp_path):
    lines = ["cat/1,x", "cat/2,dog", "dog/1,x", "dog/2,y"]
    source = read(tmp_path, PETS, {"t.csv": lines}, "t.csv")
    assert [item.label for item in source.labelled] == ["x", "dog", "x", "y"]
