from common.params import read_params
from stages.report.page import first_section, heading, parameter_tables, summary_words
from stages.report.results import Results
from tests.helpers.pipeline import write_params


def test_the_heading_names_data_model_and_classes(tmp_path):
    params = read_params(
        write_params(
            tmp_path / "params.yaml",
            data__source="sample",
            model__backbone=["resnet50", "vgg16"],
            model__attention="mha",
        )
    )
    results = Results({}, {"class_names": ["cat", "dog"]}, tmp_path / "rejected.csv")
    assert heading(params, results) == {
        "title": "Image classifier: built-in sample",
        "subtitle": "resnet50 + vgg16, attention mha; classes cat, dog",
    }
    assert first_section(params, results) == {
        "headlines": [],
        "level": "95\u00a0%",
        "n_test": "–",
        "class_names": ["cat", "dog"],
        "cautions": [],
    }


def test_parameters_are_listed_by_section(tmp_path):
    params = read_params(write_params(tmp_path / "params.yaml", seed=7, compute__threads=3))
    seed, compute = parameter_tables({"seed": params.seed, "compute": params.compute})
    assert [[cell.text for cell in row] for row in seed.rows] == [["seed", "7"]]
    assert ["threads", "3"] in [[cell.text for cell in row] for row in compute.rows]


def test_the_summary_tells_size_and_plots():
    assert summary_words("x" * 1_250_000, 3, 4) == "1.2 MB with 3 of 4 plots"
