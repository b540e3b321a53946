import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common import tables
from common.errors import StageError
from common.files import read_json
from common.schema import Oversample
from stages.oversample.__main__ import class_weights, occurrences, sampled_rows

LABELS = st.lists(st.integers(0, 3), min_size=4, max_size=80).filter(lambda x: len(set(x)) > 1)


def rows_of(label, method, seed=0, target_ratio=0.5):
    section = Oversample(method=method, target_ratio=target_ratio)
    return sampled_rows(np.asarray(label), section, seed)


def test_occurrences_count_from_zero_in_order():
    assert occurrences(np.array([5, 7, 5, 5, 7, 1])).tolist() == [0, 0, 1, 2, 1, 0]


@settings(max_examples=60, deadline=None)
@given(LABELS, st.integers(0, 1000))
def test_every_class_becomes_as_large_as_the_largest(labels, seed):
    label = np.array(labels)
    rows = rows_of(label, "random", seed)
    assert rows[: len(label)].tolist() == list(range(len(label)))
    present = np.unique(label)
    largest = np.bincount(label).max()
    assert np.bincount(label[rows])[present].tolist() == [largest] * len(present)
    counted = occurrences(rows)
    assert len(set(zip(rows.tolist(), counted.tolist(), strict=True))) == len(rows)
    assert counted[: len(label)].max() == 0


@pytest.mark.parametrize("method", ["none", "class_weight"])
def test_none_and_weights_repeat_nothing(method):
    assert rows_of([0, 1, 1], method).tolist() == [0, 1, 2]


@settings(max_examples=60, deadline=None)
@given(LABELS, st.integers(0, 1000), st.floats(0.01, 1))
def test_target_ratio_lifts_the_rare_and_leaves_the_others(labels, seed, ratio):
    label = np.array(labels)
    rows = rows_of(label, "target_ratio", seed, ratio)
    before, after = np.bincount(label), np.bincount(label[rows])
    assert rows[: len(label)].tolist() == list(range(len(label)))
    for n, m in zip(before[before > 0], after[before > 0], strict=True):
        assert m == max(n, round(ratio * before.max()))


def test_target_ratio_by_hand():
    label = np.repeat([0, 1, 2, 3], [100, 60, 20, 3])
    rows = rows_of(label, "target_ratio", target_ratio=0.29)  # 0.29 * 100 is 28.999...
    assert np.bincount(label[rows]).tolist() == [100, 60, 29, 29]


@settings(max_examples=60, deadline=None)
@given(LABELS, st.integers(0, 1000))
def test_undersample_leaves_every_class_the_smallest_ones_size(labels, seed):
    label = np.array(labels)
    rows = rows_of(label, "undersample", seed)
    before = np.bincount(label)
    smallest = before[before > 0].min()
    assert np.bincount(label[rows])[before > 0].tolist() == [smallest] * (before > 0).sum()
    assert (np.diff(rows) > 0).all()
    assert occurrences(rows).max() == 0


def test_the_seed_decides():
    label = np.repeat([0, 1], [90, 10])
    for method in ("random", "target_ratio", "undersample", "smote"):
        rows = rows_of(label, method, 1)
        assert rows.tolist() == rows_of(label, method, 1).tolist()
        assert rows.tolist() != rows_of(label, method, 2).tolist()


def test_balanced_weights_by_hand():
    found = class_weights(np.repeat([0, 1, 2], [6, 3, 1]), 3)
    np.testing.assert_allclose(found, [10 / 18, 10 / 9, 10 / 3], rtol=1e-6)
    assert found.dtype == np.float32
    assert found @ [6, 3, 1] == pytest.approx(10)


def test_smote_needs_a_second_image_of_each_class():
    with pytest.raises(StageError, match=r"at least 2 .* smote, .*Received: 1 of 2 classes"):
        rows_of([0, 0, 0, 1, 2], "smote")
    assert rows_of([0, 1], "smote").tolist() == [0, 1]
    assert np.bincount(rows_of([0, 0, 0, 1, 1], "smote")).sum() == 6


def test_the_stage_touches_train_alone(whole_run):
    train = tables.Dataset(whole_run.path("dataset/train"))
    rows, times, weights = tables.read_sampling(whole_run.path("sampling/train.parquet"))
    assert rows.max() < train.n
    assert set(rows) == set(range(train.n))
    assert np.bincount(train.label[rows]).tolist() == [28, 28, 28]
    assert times.max() >= 1
    assert weights.tolist() == [1] * 84
    assert weights.dtype == np.float32
    found = read_json(whole_run.path("m/oversample.json"))
    assert found["n_samples"] == 84
    assert found["n_pictures"] == train.n == 28 + 14 + 8
    assert found["per_class"]["owl"] == {"pictures": 8, "samples": 28, "weight": 1.0}


@pytest.mark.parametrize(
    ("changes", "samples", "weight"),
    [
        ({"method": "target_ratio", "target_ratio": 0.4}, [28, 14, 11], [1, 1, 1]),
        ({"method": "undersample"}, [8, 8, 8], [1, 1, 1]),
        ({"method": "class_weight"}, [28, 14, 8], [50 / 84, 50 / 42, 50 / 24]),
        ({"method": "none"}, [28, 14, 8], [1, 1, 1]),
    ],
)
def test_every_method_is_told_and_drawn(
    whole_run, tmp_path, small_params, changes, samples, weight
):
    params = small_params(**{f"oversample__{name}": value for name, value in changes.items()})
    other = type(whole_run)(tmp_path, params)
    (tmp_path / "dataset").symlink_to(whole_run.path("dataset"))
    other.oversample()
    train = tables.Dataset(whole_run.path("dataset/train"))
    rows, _, weights = tables.read_sampling(other.path("sampling/train.parquet"))
    assert np.bincount(train.label[rows]).tolist() == samples
    np.testing.assert_allclose(weights, np.array(weight)[train.label[rows]], rtol=1e-6)
    found = read_json(other.path("m/oversample.json"))["per_class"]
    assert [found[name]["samples"] for name in train.class_names] == samples
    assert [found[name]["pictures"] for name in train.class_names] == [28, 14, 8]
    assert [found[name]["weight"] for name in train.class_names] == pytest.approx(weight, abs=1e-6)
    assert other.path("p/oversample/classes.png").stat().st_size > 5000
