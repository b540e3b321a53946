"""Data of a training: splits, rows of an epoch, maps that fit the head."""

import numpy as np
import pytest

from common.errors import StageError
from stages.train.data import head_batches, open_data, read_split_maps, val_maps


@pytest.fixture(scope="module")
def data(whole_run):
    return open_data(*map(whole_run.path, ("dataset", "sampling/train.parquet", "features")))


def test_train_is_sampled_and_each_row_of_val_comes_once(data):
    assert set(data.splits) == {"train", "val"}
    assert len(data.sampling["train"].rows) > data.splits["train"].n
    assert data.sampling["val"].rows.tolist() == list(range(data.splits["val"].n))


def test_maps_of_another_backbone_are_refused_with_what_to_run(data):
    with pytest.raises(StageError, match=r"\(2, 2, 7\)\. Received: \(2, 2, 1280\) .*repro extract"):
        read_split_maps(data, (2, 2, 7))
    maps = read_split_maps(data, (2, 2, 1280))
    assert [len(array) for array in maps.values()] == [split.n for split in data.splits.values()]


def test_smote_mixes_repeats_of_train_alone(data):
    maps = read_split_maps(data, (2, 2, 1280))
    plain, smote = (head_batches(maps, data, 8, method, 3) for method in ("random", "smote"))
    assert plain["train"].mixtures is plain["val"].mixtures is smote["val"].mixtures is None
    _, shares = smote["train"].mixtures
    repeats = data.sampling["train"].occurrences > 0
    assert (shares > 0).tolist() == repeats.tolist()


def test_maps_of_val_come_from_the_cache_where_the_backbone_is_frozen(data):
    cached = val_maps(data, None, frozen=True)([2, 0])
    assert cached.dtype == np.float32
    maps = read_split_maps(data, (2, 2, 1280))["val"]
    np.testing.assert_array_equal(cached, maps[[2, 0], 0].astype(np.float32))
