"""Synthetic samples of rare classes: between neighbours, and the same pooled as place by place."""

import numpy as np
import pandas as pd
import pytest
from imblearn.over_sampling import SMOTE

from common.errors import StageError
from common.params import read_params
from common.tables.sampling import Sampling, read_sampling
from stages.train.map_batches import MapBatches
from stages.train.smote import find_mixtures
from tests.helpers.training_sets import drawn


def maps_at(points):
    """Maps of 2 x 2 positions whose mean is `points` (n, channels), and a second view."""
    points = np.asarray(points, np.float32)
    spread = np.array([[-2, 1], [0.5, 0.5]], np.float32)[None, ..., None]
    maps = points[:, None, None] + spread
    return np.stack([maps, maps + 64], axis=1).astype(np.float16)


def test_mixtures_are_of_the_same_class_and_of_repeats_alone():
    # Class 1 stands at 0, 1, 2 and 8 on a line; class 0 in between, nearer than its own.
    maps = maps_at([[0.25], [0], [1], [1.25], [2], [8], [0.5], [1.5]])
    label = np.array([0, 1, 1, 0, 1, 1, 0, 0])
    rows = np.array([*range(8), 1, 1, 5])
    times = np.array([0] * 8 + [1, 2, 1])
    partners, shares = find_mixtures(maps, label, rows, times, seed=0)
    assert partners[:8].tolist() == rows[:8].tolist()
    assert (shares[:8] == 0).all()
    assert (label[partners] == label[rows]).all()
    assert (partners[8:] != rows[8:]).all()
    assert ((shares >= 0) & (shares < 1)).all()
    assert shares.dtype == np.float32
    again = find_mixtures(maps, label, rows, times, seed=0)
    np.testing.assert_array_equal(again, (partners, shares))


def test_partners_are_the_five_nearest_by_the_mean_and_all_come_up():
    rng = np.random.default_rng(3)
    points = np.round(rng.normal(size=(40, 6)) * 8) / 8
    label = np.arange(40) % 2
    rows = np.r_[np.arange(40), np.tile(np.arange(1, 40, 2), 60)]
    times = np.r_[np.zeros(40, int), np.repeat(np.arange(1, 61), 20)]
    partners, shares = find_mixtures(maps_at(points), label, rows, times, seed=1)
    for row in range(1, 40, 2):
        others = [other for other in range(1, 40, 2) if other != row]
        nearest = sorted(others, key=lambda other: np.sum((points[other] - points[row]) ** 2))[:5]
        assert set(partners[(rows == row) & (times > 0)]) == set(nearest)
    assert abs(shares[40:].mean() - 0.5) < 4 / np.sqrt(12 * 1200)


def test_batches_mix_maps_so_that_their_means_are_mixed():
    rng = np.random.default_rng(0)
    maps = rng.normal(size=(3, 2, 4, 5, 7)).astype(np.float16)
    weights = np.array([1, 2, 3], np.float32)  # by which the samples are told apart
    sampling = Sampling(np.array([0, 2, 2]), np.array([0, 0, 1]), weights)
    mixtures = (np.array([0, 2, 1]), np.array([0, 0, 0.25], np.float32))
    label = np.array([0, 1, 1])
    batches = MapBatches(maps, label, 2, sampling, batch_size=3, seed=0, mixtures=mixtures)
    columns = drawn(batches)
    mixed_maps, one_hot, _ = (column[np.argsort(columns[-1])] for column in columns)
    mean = maps.astype(np.float32).mean(axis=(2, 3))
    np.testing.assert_array_equal(mixed_maps[:2], maps[[0, 2], 0].astype(np.float32))
    expected = 0.75 * mean[2, 1] + 0.25 * mean[1, 1]  # the second use of a row: view 1 of both
    np.testing.assert_allclose(mixed_maps[2].mean(axis=(0, 1)), expected, atol=1e-6)
    assert one_hot.tolist() == [[1, 0], [0, 1], [0, 1]]


def test_the_result_is_distributed_as_imblearns():
    rng = np.random.default_rng(5)
    points = np.round(np.r_[rng.normal(size=(900, 2)), rng.normal(size=(12, 2)) + 3] * 64) / 64
    label = np.repeat([0, 1], [900, 12])
    resampled, resampled_label = SMOTE(random_state=0).fit_resample(points, label)
    theirs = resampled[912:]
    assert (resampled_label[912:] == 1).all()
    base = rng.integers(900, 912, 888)
    rows, times = np.r_[np.arange(912), base], np.r_[np.zeros(912, int), np.ones(888, int)]
    partners, shares = find_mixtures(maps_at(points), label, rows, times, seed=0)
    ours = (points[rows] + shares[:, None] * (points[partners] - points[rows]))[912:]
    for power in (1, 2):
        error = np.hypot(*((x**power).std(axis=0) / np.sqrt(888) for x in (ours, theirs)))
        difference = (ours**power).mean(axis=0) - (theirs**power).mean(axis=0)
        assert (np.abs(difference) < 4 * error).all()


SMOTE_HEAD = {"oversample__method": "smote", "model__attention": "none"}


@pytest.mark.parametrize(
    ("changes", "received"),
    [
        ({"model__attention": "pool"}, "pool and avg"),
        ({"model__attention": "none", "model__head__pooling": "max"}, "none and max"),
    ],
)
def test_where_it_makes_no_sense_it_is_refused_with_what_to_use(small_params, changes, received):
    with pytest.raises(StageError, match=f"Received: {received}.*oversample.method random"):
        read_params(small_params(oversample__method="smote", **changes))
    assert read_params(small_params(**SMOTE_HEAD)).oversample.method == "smote"


def test_the_path_trains_on_mixtures(whole_run, tmp_path, small_params):
    other = type(whole_run)(tmp_path, small_params(**SMOTE_HEAD))
    for name in ("dataset", "features"):
        (tmp_path / name).symlink_to(whole_run.path(name))
    other.oversample()
    sampling = read_sampling(other.path("sampling/train.parquet"))
    plain = read_sampling(whole_run.path("sampling/train.parquet"))
    assert [column.tolist() for column in sampling] == [column.tolist() for column in plain]
    other.train()
    smote = pd.read_csv(other.path("p/train/history.csv"))
    assert smote["val_accuracy"].max() > 0.7
    other.params = small_params(model__attention="none")
    other.train()
    assert pd.read_csv(other.path("p/train/history.csv"))["loss"].tolist() != smote["loss"].tolist()
