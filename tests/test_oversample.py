import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.common import tables
from stages.common.files import read_json
from stages.oversample import occurrences, oversampled_rows

LABELS = st.lists(st.integers(0, 3), min_size=4, max_size=80).filter(lambda x: len(set(x)) > 1)


def test_occurrences_count_from_zero_in_order():
    assert occurrences(np.array([5, 7, 5, 5, 7, 1])).tolist() == [0, 0, 1, 2, 1, 0]


@settings(max_examples=60, deadline=None)
@given(LABELS, st.integers(0, 1000))
def test_every_class_becomes_as_large_as_the_largest(labels, seed):
    label = np.array(labels)
    rows = oversampled_rows(label, "random", seed)
    assert rows[: len(label)].tolist() == list(range(len(label)))
    present = np.unique(label)
    largest = np.bincount(label).max()
    assert np.bincount(label[rows])[present].tolist() == [largest] * len(present)
    counted = occurrences(rows)
    assert len(set(zip(rows.tolist(), counted.tolist(), strict=True))) == len(rows)
    assert counted[: len(label)].max() == 0


def test_none_changes_nothing():
    assert oversampled_rows(np.array([0, 1, 1]), "none", 0).tolist() == [0, 1, 2]


def test_the_stage_touches_train_alone(whole_run):
    train = tables.Dataset(whole_run.path("dataset/train"))
    rows, times = tables.read_sampling(whole_run.path("sampling.parquet"))
    assert rows.max() < train.n
    assert set(rows) == set(range(train.n))
    assert np.bincount(train.label[rows]).tolist() == [28, 28, 28]
    assert times.max() >= 1
    found = read_json(whole_run.path("m/oversample.json"))
    assert found["n_samples"] == 84
    assert found["n_pictures"] == train.n == 28 + 14 + 8
