import pytest

from common.params import read_params
from common.reason_words import WORDS
from common.sources import SOURCES
from stages.report.chapters import data_tables
from stages.report.results import Results, count_label_errors, data_name
from tests.helpers.pipeline import ROOT


def data_of(**changes):
    return read_params(ROOT / "params.yaml").data.model_copy(update=changes)


@pytest.mark.parametrize("source", sorted(SOURCES))
def test_a_source_is_called_by_its_words(source):
    assert data_name(data_of(source=source, path="")) == SOURCES[source]


def test_a_path_is_called_by_its_last_part():
    assert data_name(data_of(source="path", path="some/pets.zip")) == "pets"


def test_a_source_without_words_is_called_by_its_own_name():
    assert data_name(data_of(source="moon")) == "moon"


def test_reasons_stand_with_their_words_and_one_without_words_alone(tmp_path):
    dropped = {"truncated": 2, "moonlight": 5, "empty": 0}
    clean = {"files": 9, "kept": 2, "rejected_by_reason": dropped}
    story = data_tables(Results({"clean": clean}, {}, tmp_path / "rejected.csv"))[0]
    assert [[cell.text for cell in row] for row in story.rows] == [
        ["files in", "9", ""],
        ["moonlight", "−5", ""],
        ["truncated", "−2", WORDS["truncated"]],
        ["kept", "2", ""],
    ]


def test_label_errors_are_counted_where_they_were_looked_for(tmp_path):
    assert count_label_errors(None) is None
    assert count_label_errors(tmp_path) is None
    (tmp_path / "label_errors.csv").write_text("path,label\na,b\nc,d\n")
    assert count_label_errors(tmp_path) == 2
