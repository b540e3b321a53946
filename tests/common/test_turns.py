import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from common.turns import in_turn, occurrences


def test_by_hand():
    values = np.array([1, 0, 1, 1, 2, 0])
    assert occurrences(values).tolist() == [0, 0, 1, 2, 0, 1]
    assert in_turn(values).tolist() == [1, 0, 4, 5, 2, 3]


def test_names_and_nothing():
    assert occurrences(np.array(["b", "a", "b"], object)).tolist() == [0, 0, 1]
    assert occurrences(np.array([], int)).tolist() == in_turn(np.array([], int)).tolist() == []


@given(st.lists(st.integers(0, 4), max_size=40))
def test_each_row_once_and_no_value_gets_ahead(values):
    values = np.array(values, int)
    rows = in_turn(values)
    assert sorted(rows) == list(range(len(values)))
    counts = {value: int((values == value).sum()) for value in set(values.tolist())}
    for end in range(len(rows) + 1):
        taken = {value: int((values[rows[:end]] == value).sum()) for value in counts}
        most = max(taken.values(), default=0)
        assert all(taken[value] >= min(counts[value], most - 1) for value in counts)
