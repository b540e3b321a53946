import io

import numpy as np
import pytest

from common.errors import StageError
from common.images import encode_png
from common.preprocessing import Preprocessing
from common.tables.dataset import Dataset, write_dataset
from common.tables.predictions import (
    parse_predictions,
    read_checked_predictions,
    read_predictions,
    write_predictions,
)
from tests.helpers.images import make_image

NAMES = ["007", "NA"]  # names that careless readers take for a number and for nothing
PROBABILITIES = np.array([[0.75, 0.25], [0.5, 0.5], [0, 1], [0.1, 0.9], [1, 0]])


@pytest.fixture
def dataset(tmp_path):
    png = encode_png(make_image(1, (8, 6)))
    rows = [
        {"png": png, "path": f"{i}.jpg", "image_id": f"{i:016x}", "label": i % 2, "group": i}
        for i in range(5)
    ]
    write_dataset(tmp_path / "test", NAMES, Preprocessing((6, 8), "crop", 1000), rows)
    return Dataset(tmp_path / "test")


def test_predictions_name_classes_and_keep_odd_names(tmp_path, dataset):
    write_predictions(tmp_path / "p.csv", dataset, PROBABILITIES)
    frame = read_predictions(tmp_path / "p.csv", NAMES)
    assert list(frame.columns) == ["image_id", "path", "label", "predicted", "p_007", "p_NA"]
    assert frame["predicted"].tolist() == ["007", "007", "NA", "NA", "007"]
    assert frame["label"].tolist() == ["007", "NA", "007", "NA", "007"]
    assert frame["p_NA"].tolist() == [0.25, 0.5, 1, 0.9, 0]
    with pytest.raises(ValueError, match=r"Expected probabilities of shape \(5, 2\)"):
        write_predictions(tmp_path / "p.csv", dataset, PROBABILITIES[:4])
    with pytest.raises(StageError, match="p_other missing"):
        read_predictions(tmp_path / "p.csv", ["other"])


def test_the_file_itself_names_the_classes(tmp_path, dataset):
    write_predictions(tmp_path / "p.csv", dataset, PROBABILITIES)
    predictions = parse_predictions(tmp_path / "p.csv", "p.csv")
    assert predictions.class_names == NAMES
    assert predictions.label.tolist() == dataset.label.tolist()
    assert predictions.path.tolist() == dataset.path.tolist()
    assert np.array_equal(predictions.probabilities, PROBABILITIES)
    assert predictions.n == 5


@pytest.mark.parametrize(
    "content",
    [
        "",
        "image_id,path\n1,2\n",
        "image_id,path,label,predicted,p_a\n1,2,b,a,1\n",
        "image_id,path,label,predicted,p_a\n1,2,a,a,x\n",
    ],
)
def test_a_file_of_anything_else_is_refused_by_its_name(content):
    with pytest.raises(StageError, match=r"Expected (predictions in )?p\.csv"):
        parse_predictions(io.BytesIO(content.encode()), "p.csv")


def test_predictions_of_other_images_are_refused(tmp_path, dataset):
    write_predictions(tmp_path / "p.csv", dataset, PROBABILITIES)
    assert read_checked_predictions(tmp_path / "p.csv", dataset).n == 5
    lines = (tmp_path / "p.csv").read_text().splitlines(keepends=True)
    (tmp_path / "p.csv").write_text("".join(lines[:1] + lines[:0:-1]))
    with pytest.raises(StageError, match=r"each image of .*test once, in its order"):
        read_checked_predictions(tmp_path / "p.csv", dataset)
    (tmp_path / "p.csv").write_text("".join(lines[:-1]))
    with pytest.raises(StageError, match=r"each image of .*test once, in its order"):
        read_checked_predictions(tmp_path / "p.csv", dataset)
