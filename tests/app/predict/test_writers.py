"""Writers: a table for any width, JSON Lines, and CSV that is whole or absent."""

import csv
import io
import json
import os
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.predict import writers
from app.predict.inputs import ImageInput, Unusable
from app.predictor import Prediction
from common.errors import StageError


def answer(abstained=False, **probabilities) -> Prediction:
    likeliest = max(probabilities, key=probabilities.get)
    return Prediction(probabilities, likeliest, None if abstained else likeliest, abstained)


def table(width, answers, names=("ad", "other")) -> list[str]:
    lines = []
    writer = writers.Table(names, width, lines.append)
    for path, prediction in answers.items():
        writer.write(ImageInput(path, f"/{path}"), prediction)
    return lines


def test_a_table_on_a_terminal_stands_in_columns():
    answers = {
        "set/1.png": answer(ad=0.9, other=0.1),
        "set/2.png": answer(ad=0.4375, other=0.5625, abstained=True),
        "a/folder/of/a/very/long/name/3.png": answer(ad=0.0, other=1.0),
    }
    assert table(70, answers) == [
        "image                      decision  confidence  probabilities",
        "set/1.png                  ad             0.900  ad 0.900, other 0.100",
        "set/2.png                  (unsure)       0.562  other 0.562, ad 0.438",
        "…f/a/very/long/name/3.png  other          1.000  other 1.000, ad 0.000",
    ]


def test_a_table_that_is_no_terminals_is_separated_by_tabs_and_cuts_nothing():
    lines = table(None, {"a" * 300 + "\t.png": answer(ad=0.25, other=0.75)})
    assert lines == [
        "image\tdecision\tconfidence\tprobabilities",
        "a" * 300 + "\\t.png\tother\t0.750\tother 0.750, ad 0.250",
    ]


def test_of_thirty_classes_the_three_likeliest_are_shown():
    names = [f"class_{i:02d}" for i in range(30)]
    values = dict.fromkeys(names, 0.01) | {"class_07": 0.5, "class_29": 0.13, "class_00": 0.1}
    lines = table(120, {"x.png": answer(**values)}, names)
    assert lines[1].endswith("class_07       0.500  class_07 0.500, class_29 0.130, class_00 0.100")
    assert table(80, {"x.png": answer(**values)}, names)[1].endswith("  class_07 0.500")


WORD = st.text(min_size=1, max_size=40)


@settings(max_examples=300)
@given(st.integers(40, 200), WORD, st.lists(WORD, min_size=2, max_size=5, unique=True))
def test_lines_never_do_more_than_fill_the_terminal(width, path, names):
    probabilities = dict.fromkeys(names, 1 / len(names))
    for line in table(width, {path: answer(**probabilities)}, names):
        assert writers.columns_of(line) <= width and line.isprintable()


def test_names_cannot_steer_the_terminal():
    assert writers.escaped("a\x1b[31m\n\u202eé犬") == "a\\x1b[31m\\n\\u202eé犬"


def test_wide_letters_take_two_columns():
    assert writers.columns_of("犬a") == 3 and writers.columns_of("e\u0301") == 1
    assert writers.fitted("犬犬犬", 5) == "犬犬…" and writers.fitted("犬犬犬", 4) == "犬… "
    assert writers.fitted("abcdef", 4, end=True) == "…def"


def test_json_lines_are_objects_that_can_be_read_back():
    lines = []
    writer = writers.JsonLines(lines.append)
    writer.write(ImageInput('a"\n.png', "/a"), answer(ad=0.25, other=0.75, abstained=True))
    writer.write_unusable(Unusable("b.png", "empty", "0 bytes"))
    assert [json.loads(line) for line in lines] == [
        {
            "path": 'a"\n.png',
            "decision": None,
            "likeliest": "other",
            "confidence": 0.75,
            "abstained": True,
            "probabilities": {"ad": 0.25, "other": 0.75},
        },
        {"path": "b.png", "error": {"reason": "empty", "detail": "0 bytes"}},
    ]
    assert not any("\n" in line for line in lines)


@pytest.mark.parametrize("encoding, expected", [("utf-8", "é"), ("latin-1", "\\u00e9")])
def test_json_is_ascii_where_stdout_is_not_utf_8(monkeypatch, encoding, expected):
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding))
    lines = []
    writers.JsonLines(lines.append).write_unusable(Unusable("é", "empty", ""))
    assert f'"{expected}"' in lines[0]


def test_letters_that_stdout_has_not_are_written_out(monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), "ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    writers.stdout_writer(print)("é")
    assert stream.buffer.getvalue() == b"\\xe9\n"


def test_a_full_disk_behind_stdout_is_an_error_with_a_message(monkeypatch):
    with Path("/dev/full").open("w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        with pytest.raises(StageError, match=r"the standard output\. Received: No space left"):
            writers.stdout_writer(print)("a line")
        full.flush()  # as Python does at its end: not an error a second time


def test_a_reader_that_goes_away_is_no_error(monkeypatch):
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as pipe:
        monkeypatch.setattr(sys, "stdout", pipe)
        with pytest.raises(BrokenPipeError):
            writers.stdout_writer(print)("a line")
        pipe.flush()


def test_csv_has_a_row_for_each_answer(tmp_path):
    path = tmp_path / "new" / "out.csv"
    with writers.opened_csv(path) as stream:
        rows = writers.CsvRows(path, stream, ["a,d", "other"])
        assert not path.exists()
        rows.write(ImageInput('x,"\n.png', "/x"), answer(**{"a,d": 0.25, "other": 0.75}))
        rows.write(ImageInput("y.png", "/y"), answer(abstained=True, **{"a,d": 0.5, "other": 0.5}))
    with path.open(newline="", encoding="utf-8") as stream:
        heading, *records = csv.reader(stream)
    assert heading == [
        *("path", "decision", "likeliest", "confidence", "abstained", "p_a,d", "p_other"),
    ]
    assert records == [
        ['x,"\n.png', "other", "other", "0.750000", "false", "0.250000", "0.750000"],
        ["y.png", "", "a,d", "0.500000", "true", "0.500000", "0.500000"],
    ]


def test_csv_that_is_not_finished_leaves_what_was_there(tmp_path):
    path = tmp_path / "out.csv"
    path.write_text("before")
    with pytest.raises(KeyboardInterrupt), writers.opened_csv(path) as stream:
        writers.CsvRows(path, stream, ["ad", "other"])
        raise KeyboardInterrupt
    assert [file.name for file in tmp_path.iterdir()] == ["out.csv"]
    assert path.read_text() == "before"


def test_csv_where_no_file_can_be_is_an_error_with_a_message(tmp_path):
    (tmp_path / "file").touch()
    place = tmp_path / "file" / "out.csv"
    with (
        pytest.raises(StageError, match=r"to write .*out\.csv\. Received: .*xist"),
        writers.opened_csv(place),
    ):
        raise AssertionError("it was opened")
