import json

import datasets
import duckdb
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from common import tables
from common.errors import StageError
from common.images import decode_png, encode_png
from tests.helpers.images import make_image

HOW = tables.Preprocessing((6, 8), "crop", 1000)
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
    assert tables.write_dataset(tmp_path / "test", NAMES, HOW, iter(rows()), batch=2) == 5
    return tables.Dataset(tmp_path / "test")


def test_a_dataset_comes_back_as_it_was_written(dataset):
    assert dataset.n == 5
    assert dataset.class_names == NAMES
    assert dataset.preprocessing == HOW
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


def test_a_folder_without_parquet_is_named(tmp_path):
    with pytest.raises(StageError, match=r"Expected Parquet files in .*nothing"):
        tables.Dataset(tmp_path / "nothing")


def manifest(**changes):
    columns = {
        "image_id": ["b" * 16, "a" * 16],
        "path": ["x/2.jpg", "x/1.jpg"],
        "label": ["x", "x"],
        "given_split": [None, "test"],
        "sha256": ["b" * 64, "a" * 64],
        "phash": ["0" * 16, "f" * 16],
        "width": [1, 2],
        "height": [3, 4],
        "format": ["PNG", "JPEG"],
        "mode": ["RGB", "L"],
        "group": [0, 1],
    }
    columns |= {name: [0.5, 1.25] for name in tables.MEASURES}
    columns |= {name: [False, True] for name in tables.FLAGS}
    return pd.DataFrame(columns | changes)


def test_the_manifest_is_sorted_typed_and_the_same_bytes_every_time(tmp_path):
    tables.write_manifest(tmp_path / "a.parquet", manifest())
    tables.write_manifest(tmp_path / "b.parquet", manifest().assign(extra=1)[::-1])
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()
    assert pq.read_schema(tmp_path / "a.parquet").names == tables.MANIFEST.names
    found = tables.read_manifest(tmp_path / "a.parquet")
    assert found["path"].tolist() == ["x/1.jpg", "x/2.jpg"]
    assert found["given_split"].tolist() == ["test", None]
    assert found["sharpness"].tolist() == [1.25, 0.5]
    assert found["blurry"].tolist() == [True, False]


def test_a_manifest_of_other_columns_is_refused(tmp_path):
    manifest().drop(columns="group").to_parquet(tmp_path / "a.parquet")
    with pytest.raises(StageError, match=r"group missing"):
        tables.read_manifest(tmp_path / "a.parquet")


def test_reasons_are_a_closed_vocabulary(tmp_path):
    row = {"path": "b", "label": "x", "reason": "empty", "detail": "0 bytes", "kept_path": ""}
    tables.write_rejected(tmp_path / "r.csv", [row, row | {"path": "a", "reason": "too_small"}])
    found = tables.read_rejected(tmp_path / "r.csv")
    assert list(found.columns) == ["path", "label", "reason", "detail", "kept_path"]
    assert found["path"].tolist() == ["a", "b"]
    with pytest.raises(ValueError, match="ugly"):
        tables.write_rejected(tmp_path / "r.csv", [row | {"reason": "ugly"}])


def test_predictions_name_classes_and_keep_odd_names(tmp_path, dataset):
    probabilities = np.array([[0.75, 0.25], [0.5, 0.5], [0, 1], [0.1, 0.9], [1, 0]])
    tables.write_predictions(tmp_path / "p.csv", dataset, probabilities)
    found = tables.read_predictions(tmp_path / "p.csv", NAMES)
    assert list(found.columns) == ["image_id", "path", "label", "predicted", "p_007", "p_NA"]
    assert found["predicted"].tolist() == ["007", "007", "NA", "NA", "007"]
    assert found["label"].tolist() == ["007", "NA", "007", "NA", "007"]
    assert found["p_NA"].tolist() == [0.25, 0.5, 1, 0.9, 0]
    with pytest.raises(ValueError, match=r"Expected probabilities of shape \(5, 2\)"):
        tables.write_predictions(tmp_path / "p.csv", dataset, probabilities[:4])
    with pytest.raises(StageError, match="p_other missing"):
        tables.read_predictions(tmp_path / "p.csv", ["other"])


def test_the_schema_is_hugging_faces():
    features = json.loads(tables.dataset_schema(NAMES, HOW).metadata[b"huggingface"])["info"][
        "features"
    ]
    assert features["image"] == {"_type": "Image"}
    assert features["label"] == {"names": NAMES, "_type": "ClassLabel"}


def test_a_sampling_table_without_weights_is_refused(tmp_path):
    tables.write_sampling(tmp_path / "s.parquet", tables.Sampling.plain(3))
    found = tables.read_sampling(tmp_path / "s.parquet")
    assert [column.tolist() for column in found] == [[0, 1, 2], [0, 0, 0], [1, 1, 1]]
    assert [column.dtype for column in found] == [np.int64, np.int64, np.float32]
    pd.DataFrame({"row": [0], "occurrence": [0]}).to_parquet(tmp_path / "s.parquet")
    with pytest.raises(StageError, match="weight missing"):
        tables.read_sampling(tmp_path / "s.parquet")
