import pandas as pd
import pyarrow.parquet as pq
import pytest

from common.errors import StageError
from common.tables.manifest import FLAGS, MANIFEST, MEASURES, read_manifest, write_manifest


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
    columns |= {name: [0.5, 1.25] for name in MEASURES}
    columns |= {name: [False, True] for name in FLAGS}
    return pd.DataFrame(columns | changes)


def test_the_manifest_is_sorted_typed_and_the_same_bytes_every_time(tmp_path):
    write_manifest(tmp_path / "a.parquet", manifest())
    write_manifest(tmp_path / "b.parquet", manifest().assign(extra=1)[::-1])
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()
    assert pq.read_schema(tmp_path / "a.parquet").names == MANIFEST.names
    frame = read_manifest(tmp_path / "a.parquet")
    assert frame["path"].tolist() == ["x/1.jpg", "x/2.jpg"]
    assert frame["given_split"].tolist() == ["test", None]
    assert frame["sharpness"].tolist() == [1.25, 0.5]
    assert frame["blurry"].tolist() == [True, False]


def test_a_manifest_of_other_columns_is_refused(tmp_path):
    manifest().drop(columns="group").to_parquet(tmp_path / "a.parquet")
    with pytest.raises(StageError, match=r"group missing"):
        read_manifest(tmp_path / "a.parquet")
