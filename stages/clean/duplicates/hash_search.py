"""Exact search for hashes that differ in few bits, without comparing all pairs.

Multi-index hashing (Norouzi, Punjani, Fleet 2012): hashes that are near as a whole are near in at
least one of four chunks of 16 bits, and there are only 65,536 values of a chunk to look under.
"""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

BITS = 64
CHUNKS = 4
CHUNK_BITS = BITS // CHUNKS
LOOKUP_BLOCK = 1 << 16  # candidates compared at once: arrays of 512 kB, which stay in the cache
PAIR_BLOCK = 1 << 22  # pairs yielded at once


def near_pairs(
    queries: np.ndarray, base: np.ndarray | None, distance: int
) -> tuple[np.ndarray, np.ndarray]:
    """All pairs of hashes within a Hamming distance.

    The chunks' radii are uneven: if every chunk differed by more than its radius r, the hashes
    would differ by at least the sum of r + 1. With that sum at distance + 1 no pair can be
    missed. At distance 12 the radii are 3, 2, 2, 2 bits of 16, and one pair in 59 is looked at.

    Args:
        queries: (n,) uint64.
        base: (m,) uint64, or None to search `queries` among themselves.
        distance: 0 to 32 bits.

    Returns:
        Two int64 arrays: positions in `queries` and in `base`, each pair once, in rising order.
        With base None, only pairs with the first position below the second.
    """
    least, extra = divmod(distance + 1, CHUNKS)
    radii = [least + (chunk < extra) - 1 for chunk in range(CHUNKS)]

    # One thread: two were no faster, the steps are short and hand over the interpreter too often.
    chunk_pairs = [
        _chunk_pairs(queries, base, CHUNK_BITS * chunk, radius, distance)
        for chunk, radius in enumerate(radii)
        if radius >= 0
    ]
    width = max(1, len(queries if base is None else base))
    return np.divmod(np.unique(np.concatenate(chunk_pairs)), width)


def _chunk_pairs(queries, base, shift: int, radius: int, distance: int) -> np.ndarray:
    """Pairs within `distance` whose chunk of bits differs by at most `radius`.

    Returns:
        (pairs,) int64: position in `queries` times the length of `base`, plus position in `base`.
    """
    same = base is None
    base = queries if same else base
    base_order, base_key = _sort_by_chunk(base, shift)
    query_order, query_key = (base_order, base_key) if same else _sort_by_chunk(queries, shift)
    queries = queries[query_order]
    # A bucket is read in rows of a fixed width, far faster than at its exact length. What
    # a row shows beyond its bucket, or of the last hash repeated at the end, are real hashes at
    # known positions, so that a hit there is as true as any other.
    base_order = np.pad(base_order, (0, LOOKUP_BLOCK), mode="edge")
    sorted_base = base[base_order]
    least = min(2 + 2 * (len(base) >> CHUNK_BITS), 16)
    least_rows = np.ascontiguousarray(sliding_window_view(sorted_base, least))
    starts = np.searchsorted(base_key, np.arange((1 << CHUNK_BITS) + 1))
    every = np.arange(len(queries))
    # Within one set each pair would be met from both ends; the end with a 0 in the highest
    # differing bit is enough.
    lower = [every[query_key >> bit & 1 == 0] if same else every for bit in range(CHUNK_BITS)]
    pairs = [np.zeros(0, np.int64)]
    flips = np.arange(1 << CHUNK_BITS)
    for flip in flips[np.bitwise_count(flips) <= radius].tolist():
        chosen = lower[flip.bit_length() - 1] if flip else every
        bucket = query_key.take(chosen) ^ flip
        first, last = starts.take(bucket), starts.take(bucket + 1)
        width, rows = least, least_rows
        while len(chosen):
            step = LOOKUP_BLOCK // width
            for start in range(0, len(chosen), step):
                block = slice(start, start + step)
                # `take` is the faster way into whole arrays, and copies a view from end to end.
                row = first[block]
                differing = rows.take(row, axis=0) if width == least else rows[row]
                differing ^= queries.take(chosen[block])[:, None]
                hit = np.flatnonzero(np.bitwise_count(differing) <= distance)
                if len(hit):
                    q, place = start + hit // width, hit % width
                    q, b = query_order[chosen[q]], base_order[first[q] + place]
                    if same:
                        q, b = np.minimum(q, b), np.maximum(q, b)
                        q, b = q[q < b], b[q < b]
                    pairs.append(q * len(base) + b)
            more = np.flatnonzero(first + width < last)
            chosen, first, last = chosen[more], first[more] + width, last[more]
            width = min(2 * width, LOOKUP_BLOCK)
            rows = sliding_window_view(sorted_base, width)
    return np.unique(np.concatenate(pairs))


def _sort_by_chunk(hashes: np.ndarray, shift: int) -> tuple[np.ndarray, np.ndarray]:
    """Order of the hashes by one chunk of their bits, and that chunk in this order, as int64."""
    key = (hashes >> np.uint64(shift) & np.uint64((1 << CHUNK_BITS) - 1)).astype(np.int64)
    order = np.argsort(key, kind="stable")
    return order, key[order]


def near_pairs_in_blocks(
    queries: np.ndarray, base: np.ndarray | None, distance: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """`near_pairs` for hashes that may repeat, in blocks of bounded size, in any order.

    A thousand placeholder images with one hash cost one look-up, not half a million. With base
    None, equal hashes come as pairs in both orders, and each element with itself.
    """
    q_value, q_member, q_start = _by_value(queries)
    if base is None:
        q, b = near_pairs(q_value, None, distance)
        q, b = (np.concatenate((np.arange(len(q_value)), side)) for side in (q, b))
        b_member, b_start = q_member, q_start
    else:
        b_value, b_member, b_start = _by_value(base)
        q, b = near_pairs(q_value, b_value, distance)
    b_count = b_start[b + 1] - b_start[b]
    size = (q_start[q + 1] - q_start[q]) * b_count
    for block in _blocks(size, PAIR_BLOCK):
        pair = np.repeat(np.arange(block.start, block.stop), size[block])
        inside = np.arange(len(pair)) - np.repeat(np.cumsum(size[block]) - size[block], size[block])
        q_inside, b_inside = np.divmod(inside, b_count[pair])
        yield q_member[q_start[q[pair]] + q_inside], b_member[b_start[b[pair]] + b_inside]


def _by_value(hashes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Distinct values; positions sorted by value; where each value's positions start (and end)."""
    order = np.argsort(hashes, kind="stable")
    values, start = np.unique(hashes[order], return_index=True)
    return values, order, np.append(start, len(hashes))


def _blocks(count: np.ndarray, length: int) -> Iterator[slice]:
    """Slices of a list whose elements stand for `count` items each: about `length` items each."""
    ends = np.cumsum(count)
    total = int(ends[-1]) if len(ends) else 0
    cuts = np.searchsorted(ends, np.arange(length, total, length)).tolist()
    yield from (slice(low, high) for low, high in pairwise([0, *cuts, len(count)]) if low < high)
