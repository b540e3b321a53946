import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from common.errors import StageError
from stages.clean.labels.table import Columns, read_rows

COLUMNS = Columns("image_name", "target", "split")


def rows(folder, content, name="labels.csv"):
    """(line, image, label, split) of each row of a table with this content."""
    path = folder / name
    if isinstance(content, dict):
        pq.write_table(pa.table(content), path)
    else:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    table_rows = read_rows(path, name, COLUMNS)
    return [(row.where.removeprefix(f"{name}:"), *row[1:]) for row in table_rows]


@pytest.mark.parametrize(
    "content",
    [
        "image_name,target\n1.jpg,007\n2.jpg,NA\n",
        "image_name;target\n1.jpg;007\n2.jpg;NA\n",
        "image_name\ttarget\r\n1.jpg\t007\r\n2.jpg\tNA\r\n",
        "image_name|target\n1.jpg|007\n2.jpg|NA",
        b"\xef\xbb\xbfimage_name,target\n1.jpg,007\n2.jpg,NA\n",
        ' image_name , "target"\n  1.jpg , 007\n"2.jpg", "NA" \n',
        "image_name,target,\n1.jpg,007,\n2.jpg,NA,,\n",
    ],
)
def test_a_csv_is_text_whatever_its_delimiter(tmp_path, content):
    assert rows(tmp_path, content) == [("2", "1.jpg", "007", None), ("3", "2.jpg", "NA", None)]


def test_the_delimiter_is_the_one_that_finds_the_columns(tmp_path):
    cells = rows(tmp_path, "a,b,c,d;image_name;target\n1,2,3,4;x,1.jpg;cat\n")
    assert cells == [("2", "x,1.jpg", "cat", None)]


def test_lines_are_those_of_an_editor_and_empty_rows_are_skipped(tmp_path):
    content = 'target,note,image_name\ncat,"two\nlines",1.jpg\n\n,,\ndog,,2.jpg\n'
    assert rows(tmp_path, content) == [("3", "1.jpg", "cat", None), ("6", "2.jpg", "dog", None)]


def test_splits_in_any_case_and_none(tmp_path):
    names = ["Train", "TRAINING", "val", "Valid", "validation", "TEST", "testing", ""]
    content = "image_name,target,split\n" + "".join(f"{i},a,{n}\n" for i, n in enumerate(names))
    expected = ["train", "train", "val", "val", "val", "test", "test", None]
    assert [row[3] for row in rows(tmp_path, content)] == expected


@pytest.mark.parametrize(
    ("column", "labels"),
    [
        (pa.array([0, 1], pa.int64()), ["0", "1"]),
        (pa.array([7, 2**40], pa.uint64()), ["7", str(2**40)]),
        (pa.array([1.0, 0.0]), ["1", "0"]),
        (pa.array([1.0, 0.5], pa.float32()), ["1.0", "0.5"]),
        (pa.array([True, False]), ["True", "False"]),
        (pa.array(["007", "NA"]), ["007", "NA"]),
        (pa.array(["007", "NA"], pa.large_string()), ["007", "NA"]),
        (pa.array(["007", "NA"], pa.string_view()), ["007", "NA"]),
        (pa.array(["cat", "dog"]).dictionary_encode(), ["cat", "dog"]),
        (pa.array([3, 4]).dictionary_encode(), ["3", "4"]),
    ],
)
def test_types_of_parquet(tmp_path, column, labels):
    table = {"image_name": ["a.jpg", "b.jpg"], "target": column}
    cells = rows(tmp_path, table, "labels.parquet")
    assert cells == [("1", "a.jpg", labels[0], None), ("2", "b.jpg", labels[1], None)]


def test_pandas_categories_and_gaps_in_parquet(tmp_path):
    frame = pd.DataFrame(
        {
            "image_name": [10, 11],
            "target": pd.Categorical(["dog", "cat"]),
            "split": [None, "test"],
            "age": [1.5, None],
        }
    )
    frame.to_parquet(tmp_path / "t.parquet")
    cells = [row[1:] for row in read_rows(tmp_path / "t.parquet", "t.parquet", COLUMNS)]
    assert cells == [("10", "dog", None), ("11", "cat", "test")]


@pytest.mark.parametrize("gap", [None, float("nan")])
def test_a_gap_in_the_labels_is_an_error(tmp_path, gap):
    table = {"image_name": ["a", "b"], "target": pa.array([1.0, gap])}
    with pytest.raises(StageError, match=r"labels.parquet:2: target is empty \(b\)"):
        rows(tmp_path, table, "labels.parquet")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("file,target\n1,a\n", r"one column image_name .*data\.image_column.*: file, target\."),
        ("image_name,class\n1,a\n", r"one column target .*data\.label_column.*image_name, class"),
        ("image_name,target,target\n1,a,b\n", "one column target"),
        ("", "Received the columns: none"),
        ("image_name,target\n,a\nb,\n", r"2 other row.*\n  labels.csv:2: image_name is empty "),
        ("image_name,target,split\n1,a,all\n", r"labels\.csv:2: split is 'all' \(1\)"),
        ("image_name,target\na,b.jpg,cat\n", "2 cells in labels.csv, line 2. Received: 3: a,b"),
        (b"image_name,target\n1,caf\xe9\n", "CSV in UTF-8"),
        ("image_name,target\n1,b\n".encode("utf-16"), "one column image_name"),
    ],
)
def test_what_a_csv_may_not_be(tmp_path, content, message):
    with pytest.raises(StageError, match=message):
        rows(tmp_path, content)


def test_what_parquet_may_not_be(tmp_path):
    with pytest.raises(StageError, match=r"one column target .*: image_name, label"):
        rows(tmp_path, {"image_name": ["a"], "label": ["b"]}, "t.parquet")
    with pytest.raises(StageError, match=r"column image_name of t\.parquet\. Received: struct"):
        rows(tmp_path, {"image_name": [{"bytes": b""}], "target": ["b"]}, "t.parquet")
    with pytest.raises(StageError, match=r"t\.parquet to be a Parquet file"):
        rows(tmp_path, b"no parquet", "t.parquet")
    with pytest.raises(StageError, match=r"ends in \.csv, .*Received: t.xlsx"):
        rows(tmp_path, b"", "t.xlsx")


def test_only_the_first_wrong_rows_are_quoted(tmp_path):
    content = "image_name,target\n" + "".join(f"{i}.jpg,\n" for i in range(9))
    with pytest.raises(StageError, match=r"9 other row") as caught:
        rows(tmp_path, content)
    assert "4.jpg" in str(caught.value) and "5.jpg" not in str(caught.value)
    assert "... and 4 more" in str(caught.value)
