"""The search for near hashes: it finds what comparing all pairs finds."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.clean.duplicates import hash_search
from stages.clean.duplicates.hash_search import near_pairs


def all_pairs(queries, base, distance):
    near = np.bitwise_count(queries[:, None] ^ base[None]) <= distance
    return near, [side.tolist() for side in np.nonzero(near)]


@st.composite
def clustered_hashes(draw):
    """Random hashes, some of them a few bits from an earlier one, some repeated."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    hashes = rng.integers(0, 1 << 64, draw(st.integers(1, 60)), dtype=np.uint64)
    for _ in range(draw(st.integers(0, 3))):
        flips = np.zeros(len(hashes), np.uint64)
        for _ in range(draw(st.integers(0, 8))):
            flips ^= np.uint64(1) << rng.integers(0, 64, len(hashes), dtype=np.uint64)
        hashes = np.concatenate((hashes, hashes ^ flips))
    return rng.permutation(hashes)


@settings(max_examples=25, deadline=None)
@given(clustered_hashes(), clustered_hashes(), st.sampled_from([0, 1, 2, 3, 5, 8, 11, 12, 13]))
def test_search_finds_what_comparing_all_pairs_finds(hashes, others, distance):
    both = np.concatenate((others, hashes[: len(hashes) // 2] ^ np.uint64(0b1011 << 30)))
    _, expected = all_pairs(hashes, both, distance)
    assert [side.tolist() for side in near_pairs(hashes, both, distance)] == expected
    near, _ = all_pairs(hashes, hashes, distance)
    expected = [side.tolist() for side in np.nonzero(np.triu(near, 1))]
    assert [side.tolist() for side in near_pairs(hashes, None, distance)] == expected


def test_search_at_the_limit_of_every_chunk():
    """12 differing bits, three in each chunk: only the chunk with radius 3 can find the pair."""
    flips = np.uint64(sum(0b111 << (16 * chunk) for chunk in range(4)))
    hashes = np.array([0, flips, flips ^ np.uint64(1 << 60)], np.uint64)
    assert [side.tolist() for side in near_pairs(hashes, None, 12)] == [[0, 1], [1, 2]]
    assert [side.tolist() for side in near_pairs(hashes[:1], hashes, 12)] == [[0, 0], [0, 1]]


def test_search_in_small_blocks_is_the_same(monkeypatch):
    hashes = np.random.default_rng(3).integers(0, 1 << 20, 300).astype(np.uint64)
    whole = near_pairs(hashes, None, 5)
    monkeypatch.setattr(hash_search, "LOOKUP_BLOCK", 64)
    blocks = near_pairs(hashes, None, 5)
    assert len(whole[0]) > 0
    assert [side.tolist() for side in whole] == [side.tolist() for side in blocks]
