import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.common.errors import StageError
from stages.common.splitting import assign_splits, find_leaks


def table(labels, groups=None, given_split=None):
    n = len(labels)
    return pd.DataFrame(
        {
            "image_id": [f"{(i * 2654435761) % 2**32:016x}" for i in range(n)],
            "path": [f"{label}/{i}.jpg" for i, label in enumerate(labels)],
            "label": labels,
            "given_split": given_split or [None] * n,
            "group": range(n) if groups is None else groups,
        }
    )


def counts(frame, split):
    return pd.crosstab(frame["label"], split)[["train", "val", "test"]].to_numpy().tolist()


def test_fractions_are_exact_where_no_picture_has_a_copy():
    frame = table(["a"] * 100 + ["b"] * 20)
    split = assign_splits(frame, val=0.15, test=0.2, seed=1)
    assert counts(frame, split) == [[65, 15, 20], [13, 3, 4]]


def test_small_classes_stand_in_every_split():
    frame = table(["a"] * 3 + ["b"] * 4)
    assert counts(frame, assign_splits(frame, 0.15, 0.15, 1)) == [[1, 1, 1], [2, 1, 1]]


def test_the_seed_decides_and_names_and_order_do_not():
    frame = table(["a"] * 40 + ["b"] * 40)
    split = assign_splits(frame, 0.2, 0.2, 1)
    assert split.equals(assign_splits(frame, 0.2, 0.2, 1))
    assert not split.equals(assign_splits(frame, 0.2, 0.2, 2))
    moved = frame.assign(path=frame["path"].str.replace("/", "/sub/"))[::-1]
    assert assign_splits(moved, 0.2, 0.2, 1).sort_index().equals(split)


def test_a_new_class_moves_no_other():
    frame = table(["a"] * 40 + ["b"] * 40)
    alone = assign_splits(frame, 0.2, 0.2, 1)
    with_c = pd.concat([frame, table(["c"] * 9).assign(group=range(1000, 1009))]).reset_index()
    assert assign_splits(with_c, 0.2, 0.2, 1)[:80].tolist() == alone.tolist()


def test_given_splits_are_kept_and_missing_ones_come_out_of_train():
    frame = table(["a"] * 20 + ["b"] * 20, given_split=(["train"] * 15 + ["test"] * 5) * 2)
    split = assign_splits(frame, val=0.2, test=0.2, seed=1)
    given_split = frame["given_split"]
    assert (split[given_split == "test"] == "test").all()
    assert set(split[given_split == "train"]) == {"train", "val"}
    assert counts(frame, split) == [[12, 3, 5], [12, 3, 5]]


def test_too_few_pictures_are_counted():
    frame = table(["a"] * 30 + ["b"] * 2)
    with pytest.raises(StageError, match=r"class 'b': expected at least 3 .*Received: 2"):
        assign_splits(frame, 0.15, 0.15, 1)
    copies = table(["a"] * 30 + ["b"] * 9, groups=[*range(30), *[99] * 9])
    with pytest.raises(StageError, match=r"class 'b': expected at least 3 distinct.*Received: 1"):
        assign_splits(copies, 0.15, 0.15, 1)


def test_a_class_missing_from_a_given_split_is_named():
    frame = table(["a", "a", "a", "b", "b"], given_split=["train", "val", "test", "train", "val"])
    with pytest.raises(StageError, match=r"class 'b': expected pictures in test\. Received: none"):
        assign_splits(frame, 0.15, 0.15, 1)


def test_leaks_are_what_judges_nothing():
    frame = table(["a"] * 5, groups=[0, 0, 1, 1, 2])
    split = pd.Series(["train", "test", "val", "test", "train"])
    leaks = find_leaks(frame, split)
    assert [(leak["path"], leak["split"], leak["other_path"]) for leak in leaks] == [
        ("a/0.jpg", "train", "a/1.jpg"),
        ("a/2.jpg", "val", "a/3.jpg"),
    ]
    assert [leak["index"] for leak in leaks] == [0, 2]


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.dictionaries(
        st.sampled_from("abcd"),
        st.lists(st.integers(1, 6), min_size=3, max_size=25),
        min_size=2,
    ),
    val=st.floats(0.05, 0.4),
    test=st.floats(0.05, 0.4),
    seed=st.integers(0, 2**32 - 1),
)
def test_groups_never_cross_and_counts_are_exact_to_one_group(sizes, val, test, seed):
    labels, groups = [], []
    for label, lengths in sizes.items():
        for length in lengths:
            groups += [len(set(groups))] * length
            labels += [label] * length
    frame = table(labels, groups)
    split = assign_splits(frame, val, test, seed)
    assert set(split) == {"train", "val", "test"}
    assert (split.groupby(frame["group"]).nunique() == 1).all()
    for label, lengths in sizes.items():
        own = split[frame["label"] == label]
        for name, fraction in (("val", val), ("test", test)):
            n = int((own == name).sum())
            wanted = max(1, round(sum(lengths) * fraction))
            assert n >= 1
            assert abs(n - wanted) <= max(lengths), (label, name, n, wanted)
        assert (own == "train").any()
    assert find_leaks(frame, split) == []
    assert np.array_equal(split.index, frame.index)
