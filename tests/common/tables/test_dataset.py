import json

import datasets
import duckdb
import numpy as np
import pandas as pd
import pytest

from common.errors import StageError
from common.images import decode_png, encode_png
from common.preprocessing import Preprocessing
from common.tables.dataset import Dataset, dataset_schema, write_dataset
from tests.helpers.images import make_image

PREPROCESSING = Preprocessing((6, 8), "crop", 1000)
NAMES = ["007", "NA"]  # names that careless readers take for a number and for nothing


def rows(n=5):
    return [
        {
            "png": encode_png(make_image(i, (8, 6))),
            "path": f"{NAMES[i % 2]}/{i}.jpg",
            "image_id": f"{i:016x}",
            "label": i % 2,
            "group": i,
        }
        for i in range(n)
    ]


@pytest.fixture
def dataset(tmp_path):
    assert write_dataset(tmp_path / "test", NAMES, PREPROCESSING, iter(rows()), batch=2) == 5
    return Dataset(tmp_path / "test")


def test_a_dataset_comes_back_as_it_was_written(dataset):
    assert dataset.n == 5
    assert dataset.class_names == NAMES
    assert dataset.preprocessing == PREPROCESSING
    assert dataset.label.tolist() == [0, 1, 0, 1, 0]
    assert dataset.path.tolist()[:2] == ["007/0.jpg", "NA/1.jpg"]
    assert dataset.image_id.tolist()[3] == f"{3:016x}"
    assert dataset.group.tolist() == [0, 1, 2, 3, 4]
    batches = list(dataset.png_batches(2))
    assert [len(batch) for batch in batches] == [2, 2, 1]
    assert [png for batch in batches for png in batch] == [row["png"] for row in rows()]
    assert dataset.png_at([4, 1]) == {4: rows()[4]["png"], 1: rows()[1]["png"]}


def test_other_tools_open_the_dataset_unaided(tmp_path, dataset):
    file = str(dataset.files[0])
    expected = np.asarray(make_image(3, (8, 6)))
    frame = pd.read_parquet(file)
    assert np.array_equal(decode_png(frame["image"][3]["bytes"]), expected)
    opened = datasets.Dataset.from_parquet(file, cache_dir=str(tmp_path / "cache"))
    assert opened.features["label"].names == NAMES
    assert np.array_equal(np.asarray(opened[3]["image"]), expected)
    query = f"select label, count(*) from '{file}' group by label order by label"
    assert duckdb.sql(query).fetchall() == [(0, 3), (1, 2)]


def test_the_schema_is_hugging_faces():
    metadata = dataset_schema(NAMES, PREPROCESSING).metadata
    features = json.loads(metadata[b"huggingface"])["info"]["features"]
    assert features["image"] == {"_type": "Image"}
    assert features["label"] == {"names": NAMES, "_type": "ClassLabel"}


def test_a_folder_without_parquet_is_named(tmp_path):
    with pytest.raises(StageError, match=r"Expected Parquet files in .*nothing"):
        Dataset(tmp_path / "nothing")
