"""Batches of cached maps: which views, in which order, and what `fit` is given."""

import numpy as np
import pytest

from common.tables.sampling import Sampling
from stages.train import map_batches
from stages.train.map_batches import MapBatches
from tests.helpers.training_sets import drawn, fed, sampling_of


def views(n=6, count=3):
    """Maps that say which row and view they are: value 10 * row + view."""
    values = 10 * np.arange(n)[:, None] + np.arange(count)
    return values[..., None, None, None].astype(np.float16)


def seen(batches, epoch):
    maps, labels, _ = drawn(batches, epoch)
    return maps.ravel().astype(int).tolist(), labels


def test_repeats_use_other_views_and_epochs_too():
    sampling = sampling_of([0, 1, 2, 2, 2], [0, 0, 0, 1, 2])
    label = np.array([0, 0, 1, 1, 1, 1])
    batches = MapBatches(views(), label, 2, sampling, batch_size=2, seed=1)
    assert len(batches) == 3
    first, labels = seen(batches, 0)
    assert sorted(first) == [0, 10, 20, 21, 22]
    assert labels.shape == (5, 2)
    assert labels[np.array(first) >= 20].tolist() == [[0, 1]] * 3
    second, _ = seen(batches, 1)
    assert sorted(second) == [1, 11, 20, 21, 22]
    again = MapBatches(views(), label, 2, sampling, batch_size=2, seed=1)
    assert seen(again, 0)[0] == first


def test_weights_go_with_their_rows_and_maps_keep_their_type():
    sampling = sampling_of([3, 0, 5], [0, 0, 0], np.array([0.5, 2, 3], np.float32))
    batches = MapBatches(views(), np.arange(6), 6, sampling, batch_size=2, seed=0)
    maps, labels, weights = drawn(batches, 0)
    assert maps.dtype == np.float16
    assert labels.dtype == weights.dtype == np.float32
    rows = maps.ravel().astype(int) // 10
    np.testing.assert_array_equal(labels.argmax(axis=1), rows)
    assert dict(zip(rows, weights, strict=True)) == {0: 2, 3: 0.5, 5: 3}


@pytest.mark.parametrize("mixed", [False, True])
def test_maps_in_memory_and_in_a_file_give_the_same_batches(tmp_path, mixed):
    rng = np.random.default_rng(0)
    np.save(tmp_path / "maps.npy", rng.normal(size=(7, 2, 3, 3, 4)).astype(np.float16))
    maps = np.load(tmp_path / "maps.npy", mmap_mode="r")
    mixtures = (rng.permutation(7), rng.random(7, np.float32)) if mixed else None
    left, right = (
        MapBatches(maps, np.arange(7) % 2, 2, Sampling.plain(7), 3, 0, mixtures, resident)
        for resident in (True, False)
    )
    for epoch in (0, 1):
        for one, other in zip(drawn(left, epoch), drawn(right, epoch), strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("resident", [True, False])
def test_an_epoch_is_every_sample_once_in_its_views_whatever_one_call_makes(monkeypatch, resident):
    sampling = Sampling.plain(6)
    arguments = (views(), np.array([0, 1] * 3), 2, sampling, 4, 0, None, resident)
    whole = MapBatches(*arguments)
    monkeypatch.setattr(map_batches, "BYTES_AT_ONCE", 1)  # a step a call
    single = MapBatches(*arguments)
    for epoch in range(3):
        steps = fed(whole, epoch)
        assert [len(maps) for maps, _, _ in steps] == [4, 2]
        values = np.concatenate([maps.ravel() for maps, _, _ in steps])
        assert sorted(values.tolist()) == [10 * row + epoch for row in range(6)]
        for one, other in zip(drawn(whole, epoch), drawn(single, epoch), strict=True):
            np.testing.assert_array_equal(one, other)
