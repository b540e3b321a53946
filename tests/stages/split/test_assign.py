import hashlib

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import StageError
from stages.split.assign import assign_splits
from stages.split.leaks import find_leaks
from tests.helpers.manifests import manifest_of


def counts(frame, split):
    return pd.crosstab(frame["label"], split)[["train", "val", "test"]].to_numpy().tolist()


def test_fractions_are_exact_where_no_image_has_a_copy():
    frame = manifest_of(["a"] * 100 + ["b"] * 20)
    split = assign_splits(frame, val=0.15, test=0.2, seed=1)
    assert counts(frame, split) == [[65, 15, 20], [13, 3, 4]]


def test_small_classes_stand_in_every_split():
    frame = manifest_of(["a"] * 3 + ["b"] * 4)
    assert counts(frame, assign_splits(frame, 0.15, 0.15, 1)) == [[1, 1, 1], [2, 1, 1]]


def test_the_seed_decides_and_names_and_order_do_not():
    frame = manifest_of(["a"] * 40 + ["b"] * 40)
    split = assign_splits(frame, 0.2, 0.2, 1)
    assert split.equals(assign_splits(frame, 0.2, 0.2, 1))
    assert not split.equals(assign_splits(frame, 0.2, 0.2, 2))
    moved = frame.assign(path=frame["path"].str.replace("/", "/sub/"))[::-1]
    assert assign_splits(moved, 0.2, 0.2, 1).sort_index().equals(split)


def test_a_new_class_moves_no_other():
    frame = manifest_of(["a"] * 40 + ["b"] * 40)
    alone = assign_splits(frame, 0.2, 0.2, 1)
    new_class = manifest_of(["c"] * 9).assign(group=range(1000, 1009))
    with_c = pd.concat([frame, new_class]).reset_index()
    assert assign_splits(with_c, 0.2, 0.2, 1)[:80].tolist() == alone.tolist()


def test_given_splits_are_kept_and_missing_ones_come_out_of_train():
    frame = manifest_of(["a"] * 20 + ["b"] * 20, given_split=(["train"] * 15 + ["test"] * 5) * 2)
    split = assign_splits(frame, val=0.2, test=0.2, seed=1)
    given_split = frame["given_split"]
    assert (split[given_split == "test"] == "test").all()
    assert set(split[given_split == "train"]) == {"train", "val"}
    assert counts(frame, split) == [[12, 3, 5], [12, 3, 5]]


def test_too_few_images_are_counted():
    frame = manifest_of(["a"] * 30 + ["b"] * 2)
    with pytest.raises(StageError, match=r"class 'b': expected at least 3 .*Received: 2"):
        assign_splits(frame, 0.15, 0.15, 1)
    copies = manifest_of(["a"] * 30 + ["b"] * 9, groups=[*range(30), *[99] * 9])
    with pytest.raises(StageError, match=r"class 'b': expected at least 3 distinct.*Received: 1"):
        assign_splits(copies, 0.15, 0.15, 1)


def test_a_class_missing_from_a_given_split_is_named():
    frame = manifest_of(
        ["a", "a", "a", "b", "b"], given_split=["train", "val", "test", "train", "val"]
    )
    with pytest.raises(StageError, match=r"class 'b': expected images in test\. Received: none"):
        assign_splits(frame, 0.15, 0.15, 1)


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
    frame = manifest_of(labels, groups)
    split = assign_splits(frame, val, test, seed)
    assert set(split) == {"train", "val", "test"}
    assert (split.groupby(frame["group"]).nunique() == 1).all()
    for label, lengths in sizes.items():
        of_class = split[frame["label"] == label]
        for name, fraction in (("val", val), ("test", test)):
            n = int((of_class == name).sum())
            wanted = max(1, round(sum(lengths) * fraction))
            assert n >= 1
            assert abs(n - wanted) <= max(lengths), (label, name, n, wanted)
        assert (of_class == "train").any()
    assert find_leaks(frame, split) == []
    assert np.array_equal(split.index, frame.index)


def hashed(n, start=0, label="a"):
    """Distinct images with ids and groups that no other call with another `start` repeats."""
    ids = [hashlib.sha256(f"{start + i}".encode()).hexdigest()[:16] for i in range(n)]
    return manifest_of([label] * n, list(range(start, start + n))).assign(image_id=ids)


def test_a_stable_place_is_what_the_hash_says():
    frame = hashed(200)
    split = assign_splits(frame, val=0.3, test=0.2, seed=7, assign="stable")
    for image_id, name in zip(frame["image_id"], split, strict=True):
        first = int(hashlib.sha256(f"7 {image_id}".encode()).hexdigest()[:16], 16) / 2**64
        assert name == ("test" if first < 0.2 else "val" if first < 0.5 else "train")
    without_val = assign_splits(frame, val=0.1, test=0.2, seed=7, assign="stable")
    assert ((split == "test") == (without_val == "test")).all()


def test_a_hundred_new_images_move_none_of_ten_thousand():
    frame = pd.concat([hashed(6000), hashed(4000, 10_000, "b")], ignore_index=True)
    more = pd.concat([frame, hashed(60, 20_000), hashed(40, 30_000, "b")], ignore_index=True)
    before = assign_splits(frame, 0.15, 0.2, 1, "stable")
    after = assign_splits(more.sample(frac=1, random_state=0), 0.15, 0.2, 1, "stable").sort_index()
    assert after[:10_000].equals(before)
    exact = assign_splits(frame, 0.15, 0.2, 1)
    assert not assign_splits(more, 0.15, 0.2, 1)[:10_000].equals(exact)
    for row, n in zip(counts(frame, before), (6000, 4000), strict=True):
        for received, p in zip(row, (0.65, 0.15, 0.2), strict=True):
            assert abs(received - n * p) <= 4 * np.sqrt(n * p * (1 - p))
    other = assign_splits(frame, 0.15, 0.2, 2, "stable")
    agreeing = 0.65**2 + 0.15**2 + 0.2**2  # of two independent draws
    assert abs((other == before).mean() - agreeing) < 0.02


def test_a_group_that_grows_moves_with_its_smallest_id_alone():
    frame = hashed(4000)
    before = assign_splits(frame, 0.15, 0.15, 1, "stable")
    grown = pd.concat([frame, hashed(4000, 50_000).assign(group=range(4000))], ignore_index=True)
    after = assign_splits(grown, 0.15, 0.15, 1, "stable")
    assert after[:4000].tolist() == after[4000:].tolist()
    newcomer_is_first = (grown["image_id"][4000:].to_numpy() < frame["image_id"]).to_numpy()
    moved = (after[:4000] != before).to_numpy()
    assert not moved[~newcomer_is_first].any()
    expected = (1 - 0.7**2 - 2 * 0.15**2) / 2  # one newcomer in two is first
    assert abs(moved.mean() - expected) < 4 * np.sqrt(expected * (1 - expected) / 4000)


@settings(max_examples=60, deadline=None)
@given(
    old=st.lists(st.integers(1, 4), min_size=60, max_size=90),
    new=st.lists(st.integers(1, 4), max_size=30),
    removed=st.integers(0, 5),
    seed=st.integers(0, 2**32 - 1),
)
def test_stable_keeps_every_untouched_group(old, new, removed, seed):
    sizes = np.array([*old, *new])
    frame = hashed(int(sizes.sum())).assign(group=np.repeat(np.arange(len(sizes)), sizes))
    n_old = sum(old)
    before = assign_splits(frame[:n_old], 0.25, 0.25, seed, "stable")
    after = assign_splits(frame[frame["group"] >= removed], 0.25, 0.25, seed, "stable")
    both = before.index.intersection(after.index)
    assert after[both].equals(before[both])
    assert (after.groupby(frame["group"]).nunique() == 1).all()


def test_stable_respects_given_splits():
    given_split = ([None] * 30 + ["test"] * 10) * 2
    frame = pd.concat([hashed(40), hashed(40, 100, "b")], ignore_index=True)
    split = assign_splits(frame.assign(given_split=given_split), 0.4, 0.3, 1, "stable")
    in_test = np.array([name == "test" for name in given_split])
    assert (split[in_test] == "test").all()
    assert set(split[~in_test]) == {"train", "val"}


def test_a_class_that_stable_leaves_out_of_a_split_is_named_with_the_way_out():
    frame = pd.concat([hashed(300), hashed(3, 1000, "b")], ignore_index=True)
    with pytest.raises(StageError, match=r"class 'b': expected images in .*Received: none") as e:
        assign_splits(frame, 0.15, 0.15, 1, "stable")
    assert "or set split.assign: exact." in str(e.value)
    assert assign_splits(frame, 0.15, 0.15, 1).notna().all()
    with pytest.raises(ValueError, match="assign='roughly'"):
        assign_splits(frame, 0.15, 0.15, 1, "roughly")
