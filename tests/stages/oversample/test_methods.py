import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import StageError
from common.schema import Oversample
from common.turns import occurrences
from stages.oversample.methods import METHODS, balanced_weights, equal_weights

LABELS = st.lists(st.integers(0, 3), min_size=4, max_size=80).filter(lambda x: len(set(x)) > 1)


def rows_of(label, method, seed=0, target_ratio=0.5):
    section = Oversample(method=method, target_ratio=target_ratio)
    return METHODS[method].rows(np.asarray(label), section, seed)


@settings(max_examples=60, deadline=None)
@given(LABELS, st.integers(0, 1000))
def test_every_class_becomes_as_large_as_the_largest(labels, seed):
    label = np.array(labels)
    rows = rows_of(label, "random", seed)
    assert rows[: len(label)].tolist() == list(range(len(label)))
    present = np.unique(label)
    largest = np.bincount(label).max()
    assert np.bincount(label[rows])[present].tolist() == [largest] * len(present)
    turns = occurrences(rows)
    assert len(set(zip(rows.tolist(), turns.tolist(), strict=True))) == len(rows)
    assert turns[: len(label)].max() == 0


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
    label = np.repeat([0, 1, 2], [6, 3, 1])
    weights = balanced_weights(label, 3)
    np.testing.assert_allclose(weights, [10 / 18, 10 / 9, 10 / 3], rtol=1e-6)
    assert weights.dtype == np.float32
    assert weights @ [6, 3, 1] == pytest.approx(10)
    assert equal_weights(label, 3).tolist() == [1, 1, 1]


def test_one_method_weighs_and_none_but_it():
    label = np.repeat([0, 1], [3, 1])
    weights = {name: method.class_weights(label, 2).tolist() for name, method in METHODS.items()}
    assert weights.pop("class_weight") == pytest.approx([2 / 3, 2])
    assert all(value == [1, 1] for value in weights.values())


def test_smote_needs_a_second_image_of_each_class():
    with pytest.raises(StageError, match=r"at least 2 .* smote, .*Received: 1 of 2 classes"):
        rows_of([0, 0, 0, 1, 2], "smote")
    assert rows_of([0, 1], "smote").tolist() == [0, 1]
    assert np.bincount(rows_of([0, 0, 0, 1, 1], "smote")).sum() == 6
