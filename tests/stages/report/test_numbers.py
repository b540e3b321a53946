import pytest

from common.metric_names import METRICS
from stages.report import numbers


def test_what_is_shown_of_numbers():
    texts = {
        0.8765432: "0.877",
        0.0: "0.000",
        0.00012: "1.2e-04",
        12.345: "12.3",
        12345.6: "12,346",
        -7: "−7",
        -0.25: "−0.250",
        1234567: "1,234,567",
        None: "–",
        True: "yes",
    }
    assert {value: numbers.show(value) for value in texts} == texts
    assert numbers.show([7, 7, 1280]) == "7, 7, 1,280"


def test_metrics_have_their_words_and_other_keys_their_own():
    for key, metric in METRICS.items():
        assert numbers.readable(key) == metric.words
    assert numbers.readable("label_conflict") == "label conflict"


def test_ends_of_an_interval_are_folded_into_its_number():
    cells = numbers.fold({"a": 0.5, "a_low": 0.25, "a_high": 0.75, "b_low": 1, "c": {"d": 2}})
    assert list(cells) == ["a", "b_low"]  # there is no b
    assert cells["a"].interval == "0.250\u00a0–\u00a00.750"
    assert cells["b_low"].interval is None
    assert {name: cell.value for name, cell in numbers.flat({"c": {"d": 2}})} == {"c.d": 2}


def test_a_matrix_has_a_column_for_every_key_of_any_row():
    table = numbers.matrix("title", {"x": {"a": 1}, "y": {"b": {"c": 2}}}, "name")
    assert table.headers == ["name", "a", "b.c"]
    assert [[cell.text for cell in row] for row in table.rows] == [["x", "1", "–"], ["y", "–", "2"]]
    assert numbers.matrix("title", {"x": {"a": 1}, "y": 3}, "name") is None


@pytest.mark.parametrize(
    ("texts", "values"),
    [
        (["1", "", "2.5"], [1.0, None, 2.5]),
        (["7", "8", "9"], [7, 8, 9]),
        (["1", "x", ""], ["1", "x", ""]),
        (["", "", ""], ["", "", ""]),
    ],
)
def test_a_column_of_a_csv_is_numbers_or_texts_as_a_whole(tmp_path, texts, values):
    path = tmp_path / "some.csv"
    path.write_text("name,value\n" + "".join(f"n,{text}\n" for text in texts))
    table = numbers.csv_table("title", path, limit=3)
    assert [row[1].value for row in table.rows] == values
    assert table.note == ""
    assert (
        numbers.csv_table("title", path, limit=2).note == "The first 2 of 3 rows; all in some.csv."
    )


def test_of_a_csv_that_is_missing_or_empty_there_is_no_table(tmp_path):
    path = tmp_path / "some.csv"
    assert numbers.csv_table("title", path, limit=2) is None
    for content in ("", "name,value\n"):
        path.write_text(content)
        assert numbers.csv_table("title", path, limit=2) is None


def test_of_many_names_the_first_are_listed():
    assert numbers.listed(["a", "b"]) == "a, b"
    assert numbers.listed(["a", "b", "c"], limit=2) == "a, b and 1 more"
