import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.clean.labels.class_folders import label_by_folder
from stages.clean.labels.file_finder import FileFinder, top_folders
from stages.clean.labels.read import read_labels
from stages.clean.labels.table import Columns


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("1.jpg", ["cat/1.jpg"]),  # of the folder called like the table
        ("1", ["cat/1.jpg"]),
        ("dog/1.jpg", ["dog/1.jpg"]),
        ("sub/3.jpg", ["cat/sub/3.jpg"]),
        ("3.jpg", ["cat/sub/3.jpg"]),
        ("2.jpg", []),  # only another folder has one
        ("", []),
        (".", []),
        ("..", []),
        ("../../cat/1.jpg", []),  # above the source
        ("C:\\pictures\\1.jpg", []),
    ],
)
def test_cells_of_a_table_called_like_a_folder(cell, expected):
    finder = FileFinder(["cat/1.jpg", "cat/sub/3.jpg", "dog/1.jpg", "dog/2.jpg"])
    assert finder.home("cat.csv") == finder.home("cat/cat.csv") == "cat"
    assert finder.home("all.csv") is finder.home("cat/dog.csv") is None
    assert finder.find(cell, "any", "cat.csv", "cat") == expected


def test_top_folders():
    assert top_folders(["a/b/c/1", "a/b/d/2", "a/x"]) == ["", "a", "a/b"]
    assert top_folders(["1", "2"]) == [""]


NAMES = st.lists(st.sampled_from("abcd"), min_size=1, max_size=4).map("/".join)


@settings(max_examples=200, deadline=None)
@given(
    st.sets(NAMES.map(lambda name: f"{name}.jpg"), min_size=1, max_size=12),
    st.data(),
    st.booleans(),
    st.booleans(),
)
def test_an_end_of_a_path_finds_exactly_the_files_that_end_so(paths, data, extension, windows):
    path = data.draw(st.sampled_from(sorted(paths)))
    parts = path.split("/")
    end = "/".join(parts[data.draw(st.integers(0, len(parts) - 1)) :])
    cell = end if extension else end.removesuffix(".jpg")
    cell = cell.replace("/", "\\") if windows else cell
    files = FileFinder(sorted(paths)).find(cell, "no such folder", "tables/t.csv", None)
    alike = {other for other in paths if f"/{other}".endswith(f"/{end}")}
    if end in paths:  # a path from the source goes before ends of paths
        assert files == [end]
    elif len(alike) == 1:
        assert files == [path]
    else:
        assert set(files) == alike or (len(files) == 1 and files[0] in alike)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_way_to_write_the_folders_down_gives_the_folders_back(data):
    """Class folders against CSVs of them, with every image named in a way of its own."""

    def pick(*options):
        return data.draw(st.sampled_from(options))

    top = pick("", "set/", "a/b/")
    splits = pick([""], ["train/", "test/"])
    classes = pick(["cat", "dog"], ["0", "1", "10"], ["00", "other"])
    files = [
        f"{top}{split}{label}/{i:02d}.{pick('jpg', 'png')}"
        for split in splits
        for label in classes
        for i in range(data.draw(st.integers(1, 3)))
    ]
    one_table = pick(True, False)
    tables = {}
    for file in files:
        folder, name = file.rsplit("/", 1)
        label = folder.split("/")[-1]
        ways = [file, file.removeprefix(top)]
        ways += [] if one_table else [name, f"{label}/{name}"]
        cell = pick(*ways)
        cell = pick(cell, cell[:-4], f"./{cell}", cell.replace("/", "\\"))
        where = f"{top}all" if one_table else pick(folder, f"{folder}/{label}")
        tables.setdefault(f"{where}.csv", ["image_name,target"]).append(f"{cell},{label}")
    with tempfile.TemporaryDirectory() as raw:
        for name, lines in tables.items():
            path = Path(raw) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("\n".join(lines))
        columns = Columns("image_name", "target", "split")
        source = read_labels(Path(raw), [*files, *tables], columns, None)
    assert (source.labelled, source.outside) == label_by_folder(files)
    assert (sorted(source.tables), source.missing) == (sorted(tables), 0)
