"""Near-duplicates: the same photograph saved again, shrunk, cropped, mirrored, brightened, stamped.

Two stages. A 64-bit hash of every picture *proposes* pairs, found without comparing all of them;
aligning the two grey thumbnails and correlating them *confirms* a pair or drops it. Groups are
the connected components of the confirmed pairs, so two pictures that were confirmed never end
in different groups, whatever lies between them. Nothing here reads or writes a file.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from itertools import pairwise, product

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from PIL import Image
from scipy.ndimage import uniform_filter
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from stages.common.cli import parallel_map

THUMB = 72  # side of the thumbnail: three pyramid levels, 72, 36 and 18
BITS = 64
# A picture cropped by 5 % is not near its whole original but near one of its corners: the hash of
# the whole alone proposed 78 to 82 % of such pairs, with those of the four corners 99 %.
CORNER = 0.97  # side of a corner as a share of the picture's
MIN_CONTRAST = 2.0  # standard deviation in grey levels; below it a picture has no content to match
MAX_WARP = 0.125  # largest change of scale and of centre when aligning, as a share of the picture
NO_WARP = np.array([1, 0, 1, 0], np.float32)
# Pairs below correlation_loose by more than this at 18 or 36 pixels are dropped there. Cropped
# copies correlate least at 18 pixels: .875 at worst, in 4,200.
COARSE_SLACK = 0.03
PIXEL_TOLERANCE = 0.25  # a pixel agrees within this many standard deviations of the picture
# Fine detail must correlate as well: smooth pictures (sky, walls) resemble each other whatever
# they show. Measured on copies: .82 to 1, under a stamp .54 to 1; on smooth strangers, about 0.
MIN_DETAIL = 0.7
MIN_DETAIL_LOOSE = 0.4
DETAIL_WINDOW = 9  # pixels of the thumbnail; detail is what a mean over this window removes

CHUNKS = 4  # the hash is looked up by four chunks of 16 bits
CHUNK_BITS = BITS // CHUNKS
LOOKUP_BLOCK = 1 << 16  # candidates compared at once: arrays of 512 kB, which stay in the cache
PAIR_BLOCK = 1 << 22  # proposed pairs held at once
ALIGN_BLOCK = 128  # pairs aligned at once by one thread; 2.6 MB an array
THUMB_BLOCK = 512  # thumbnails converted at once


@dataclass(frozen=True, eq=False)
class Fingerprint:
    """What `find_groups` needs to know of one picture.

    Attributes:
        phash: 64-bit hash of the grey picture, np.uint64.
        mirror: the same of its left-right mirror image, np.uint64.
        thumb: (THUMB, THUMB) uint8, the whole picture in grey, squeezed to a square.
    """

    phash: np.uint64
    mirror: np.uint64
    thumb: np.ndarray


def fingerprint(image: Image.Image) -> Fingerprint:
    """Fingerprint of one picture.

    Args:
        image: RGB, upright (EXIF rotation applied), any size. Not changed; safe from any thread.

    Returns:
        The hashes and the thumbnail. A bit of a hash is set where a frequency of the thumbnail's
        cosine transform (type II, the mean left out) exceeds the median of the 64 lowest, which
        no change of brightness or contrast alters (Zauner 2010, there with an 8 x 8 block of
        frequencies).
    """
    small = image.resize((THUMB, THUMB), Image.Resampling.BILINEAR, reducing_gap=3.0)
    thumb = np.asarray(small.convert("L"))
    spectrum = _spectrum(thumb[None])
    return Fingerprint(_pack(spectrum)[0], _pack(spectrum * _mirror_signs())[0], thumb)


def find_groups(
    phash: np.ndarray,
    mirror: np.ndarray,
    thumbs: np.ndarray,
    *,
    hash_distance: int,
    correlation: float,
    correlation_loose: float,
    agreement: float,
) -> np.ndarray:
    """Groups pictures that are copies of one another.

    A pair is proposed when the hash of one picture is within `hash_distance` bits of the hash
    of the other, of its mirror image or of one of its corners. It is confirmed when, after the best
    small crop is undone and brightness and contrast are matched, the thumbnails
    - correlate by at least `correlation`, or
    - correlate by at least `correlation_loose` while at least `agreement` of the pixels differ
      by less than a quarter of a standard deviation (text or a logo stamped on a copy).
    In both cases their fine detail has to correlate too (MIN_DETAIL).

    Groups are connected components: a chain of confirmed pairs is one group, even where its ends
    would not be confirmed by themselves (a cropped copy and a stamped copy of one original). The
    other choice, cutting chains, would put a confirmed pair on both sides of a split. What keeps
    chains from growing through strangers is a confirmation strict enough to make no false links.

    Pictures without contrast (MIN_CONTRAST) have no defined correlation and stay by themselves,
    even when identical; equal files are for a checksum to find.

    Args:
        phash: (n,) uint64, as from `fingerprint`.
        mirror: (n,) uint64.
        thumbs: (n, THUMB, THUMB) uint8, an array or a memory map; read in blocks.
        hash_distance: largest Hamming distance that proposes a pair, in bits, 0 to 32.
        correlation: grey correlation that confirms a pair by itself.
        correlation_loose: grey correlation that confirms together with `agreement`.
        agreement: share of pixels.

    Returns:
        (n,) int64: for each picture the smallest index of its group. The partition does not
        depend on the order of the pictures.

    Raises:
        ValueError: if shapes or dtypes differ from the above.
    """
    n = len(phash)
    _check_inputs(phash, mirror, thumbs, hash_distance)
    if n == 0:
        return np.zeros(0, np.int64)
    corners, contrast, digest = _summaries(thumbs)
    # Distinct pictures in the order of their content, so that nothing below can depend on the
    # order of the files. Pictures with equal fingerprints are one entry.
    order = np.lexsort((digest[:, 1], digest[:, 0], mirror, phash))
    order = order[contrast[order] >= MIN_CONTRAST]
    labels = np.arange(n, dtype=np.int64)
    if len(order) == 0:
        return labels
    content = np.column_stack((phash, mirror, digest))[order]
    is_first = np.ones(len(order), bool)
    is_first[1:] = (content[1:] != content[:-1]).any(axis=1)
    entry = np.cumsum(is_first) - 1  # of each picture in `order`
    distinct = order[is_first]

    def confirm(i: np.ndarray, j: np.ndarray, mirrored: np.ndarray) -> np.ndarray:
        return _confirm(
            thumbs, distinct[i], distinct[j], mirrored, correlation, correlation_loose, agreement
        )

    component = np.arange(len(distinct))
    hashes = (phash[distinct], mirror[distinct], corners[distinct])
    for i, j, mirrored in _propose(*hashes, hash_distance):
        component = _link(component, i, j, mirrored, confirm)

    smallest = np.full(len(distinct), n, np.int64)
    np.minimum.at(smallest, component[entry], order)
    labels[order] = smallest[component[entry]]
    return labels


def _check_inputs(phash, mirror, thumbs, hash_distance) -> None:
    n = len(phash)
    for name, array, shape, dtype in (
        ("phash", phash, (n,), np.uint64),
        ("mirror", mirror, (n,), np.uint64),
        ("thumbs", thumbs, (n, THUMB, THUMB), np.uint8),
    ):
        if array.shape != shape or array.dtype != dtype:
            raise ValueError(
                f"Expected {name} to be {np.dtype(dtype)} of shape {shape}. "
                f"Received: {array.dtype} of shape {array.shape}"
            )
    if not 0 <= hash_distance <= BITS // 2:
        raise ValueError(f"Expected hash_distance in 0 to {BITS // 2}. Received: {hash_distance}")


# ---------------------------------------------------------------------------------- hashing


@cache
def _frequencies() -> tuple[np.ndarray, np.ndarray]:
    """The 64 lowest frequencies (vertical, horizontal) by radius, in the order of the bits."""
    pairs = [(v, u) for v in range(12) for u in range(12) if (v, u) != (0, 0)]
    lowest = sorted(pairs, key=lambda pair: (pair[0] ** 2 + pair[1] ** 2, pair))[:BITS]
    # The lowest frequencies are the most alike among pictures of one subject. Dealt out over the
    # chunks of the search, they leave no chunk with crowded buckets.
    dealt = [lowest[place] for chunk in range(CHUNKS) for place in range(chunk, BITS, CHUNKS)]
    vertical, horizontal = np.array(dealt).T
    return vertical, horizontal


@cache
def _mirror_signs() -> np.ndarray:
    """(64,) factors that turn a picture's frequencies into those of its mirror image."""
    return 1.0 - 2.0 * (_frequencies()[1] % 2)


@cache
def _cosines(start: float, stop: float) -> np.ndarray:
    """(12, THUMB) cosines over the part of the thumbnail's side from `start` to `stop`, in [0, 1].

    Pixels that an end cuts count by the part inside.
    """
    edges = np.clip(np.arange(THUMB + 1) / THUMB, start, stop)
    low, high = edges[:-1], edges[1:]
    place = ((low + high) / 2 - start) / (stop - start)
    return np.cos(np.pi * np.arange(12)[:, None] * place) * (high - low) * THUMB


def _spectrum(thumbs: np.ndarray, down=(0.0, 1.0), across=(0.0, 1.0)) -> np.ndarray:
    """(n, 64) cosine coefficients of (n, THUMB, THUMB) thumbnails, as `_frequencies` orders them.

    Args:
        thumbs: any number dtype.
        down: part of the height, from and to, as shares.
        across: part of the width.
    """
    vertical, horizontal = _frequencies()
    spectrum = _cosines(*down) @ thumbs.astype(np.float64) @ _cosines(*across).T
    return spectrum[:, vertical, horizontal]


def _pack(spectrum: np.ndarray) -> np.ndarray:
    """(n,) uint64: bit k is set where coefficient k exceeds the median of its row."""
    # A coefficient that is zero by symmetry comes out as rounding noise of either sign, about
    # 1e-10; 1e-3 of a grey level is far above that and far below any real coefficient.
    bits = spectrum > np.median(spectrum, axis=1, keepdims=True) + 1e-3
    packed = np.ascontiguousarray(np.packbits(bits, axis=1, bitorder="little"))
    return packed.view("<u8")[:, 0].astype(np.uint64)


def _summaries(thumbs: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Corner hashes (n, 4), contrast (n,) and a 128-bit digest (n, 2) of each thumbnail."""
    ends = (0.0, CORNER), (1 - CORNER, 1.0)

    def summary(start: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        block = np.asarray(thumbs[start : start + THUMB_BLOCK])
        digest = b"".join(blake2b(thumb.tobytes(), digest_size=16).digest() for thumb in block)
        return (
            np.column_stack(
                [_pack(_spectrum(block, *corner)) for corner in product(ends, repeat=2)]
            ),
            block.std(axis=(1, 2), dtype=np.float64),
            np.frombuffer(digest, "<u8").astype(np.uint64).reshape(-1, 2),
        )

    blocks = list(parallel_map(summary, range(0, len(thumbs), THUMB_BLOCK)))
    corners, contrast, digest = (np.concatenate(column) for column in zip(*blocks, strict=True))
    return corners, contrast, digest


# ---------------------------------------------------------------------------------- proposing


def near_pairs(
    queries: np.ndarray, base: np.ndarray | None, distance: int
) -> tuple[np.ndarray, np.ndarray]:
    """All pairs of hashes within a Hamming distance, without comparing all pairs.

    Multi-index hashing (Norouzi, Punjani, Fleet 2012) with uneven radii: if every one of four
    chunks differed by more than its radius r, the hashes would differ by at least the sum of
    r + 1. With that sum at distance + 1 no pair can be missed. At distance 12 the radii are 3,
    2, 2, 2 bits of 16, and one pair in 59 is looked at.

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
    found = [
        _chunk_pairs(queries, base, CHUNK_BITS * chunk, radius, distance)
        for chunk, radius in enumerate(radii)
        if radius >= 0
    ]
    width = max(1, len(queries if base is None else base))
    return np.divmod(np.unique(np.concatenate(found)), width)


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
    found = [np.zeros(0, np.int64)]
    flips = np.arange(1 << CHUNK_BITS)
    for flip in flips[np.bitwise_count(flips) <= radius].tolist():
        chosen = lower[flip.bit_length() - 1] if flip else every
        bucket = query_key.take(chosen) ^ flip
        first, last = starts.take(bucket), starts.take(bucket + 1)
        width, rows = least, least_rows
        while len(chosen):
            step = LOOKUP_BLOCK // width
            for start in range(0, len(chosen), step):
                part = slice(start, start + step)
                # `take` is the faster way into whole arrays, and copies a view from end to end.
                row = first[part]
                differing = rows.take(row, axis=0) if width == least else rows[row]
                differing ^= queries.take(chosen[part])[:, None]
                hit = np.flatnonzero(np.bitwise_count(differing) <= distance)
                if len(hit):
                    q, place = start + hit // width, hit % width
                    q, b = query_order[chosen[q]], base_order[first[q] + place]
                    if same:
                        q, b = np.minimum(q, b), np.maximum(q, b)
                        q, b = q[q < b], b[q < b]
                    found.append(q * len(base) + b)
            more = np.flatnonzero(first + width < last)
            chosen, first, last = chosen[more], first[more] + width, last[more]
            width = min(2 * width, LOOKUP_BLOCK)
            rows = sliding_window_view(sorted_base, width)
    return np.unique(np.concatenate(found))


def _sort_by_chunk(hashes: np.ndarray, shift: int) -> tuple[np.ndarray, np.ndarray]:
    """Order of the hashes by one chunk of their bits, and that chunk in this order, as int64."""
    key = (hashes >> np.uint64(shift) & np.uint64((1 << CHUNK_BITS) - 1)).astype(np.int64)
    order = np.argsort(key, kind="stable")
    return order, key[order]


def _parts(count: np.ndarray, block: int) -> Iterator[slice]:
    """Slices of a list whose elements stand for `count` items each: about `block` items each."""
    ends = np.cumsum(count)
    total = int(ends[-1]) if len(ends) else 0
    cuts = np.searchsorted(ends, np.arange(block, total, block)).tolist()
    yield from (slice(low, high) for low, high in pairwise([0, *cuts, len(count)]) if low < high)


def _propose(
    phash: np.ndarray, mirror: np.ndarray, corners: np.ndarray, distance: int
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yields blocks of proposed pairs: i, j (i < j) and whether one of the two is mirrored."""

    def near(i: np.ndarray, j: np.ndarray, other: np.ndarray) -> np.ndarray:
        return np.bitwise_count(phash[i] ^ other[j]) <= distance

    tried = []
    for other in (phash, *corners.T, mirror):
        for q, b in _near_members(phash, None if other is phash else other, distance):
            pairs = np.unique(np.minimum(q, b) * len(phash) + np.maximum(q, b))
            i, j = np.divmod(pairs, len(phash))
            fresh = i != j
            for earlier in tried if other is not mirror else ():
                fresh &= ~(near(i, j, earlier) | near(j, i, earlier))
            yield i[fresh], j[fresh], np.full(int(fresh.sum()), other is mirror)
        tried.append(other)


def _near_members(
    queries: np.ndarray, base: np.ndarray | None, distance: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """`near_pairs` over distinct hash values, multiplied out in blocks of bounded size.

    A thousand placeholder pictures with one hash cost one look-up, not half a million.
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
    for part in _parts(size, PAIR_BLOCK):
        pair = np.repeat(np.arange(part.start, part.stop), size[part])
        inside = np.arange(len(pair)) - np.repeat(np.cumsum(size[part]) - size[part], size[part])
        q_inside, b_inside = np.divmod(inside, b_count[pair])
        yield q_member[q_start[q[pair]] + q_inside], b_member[b_start[b[pair]] + b_inside]


def _by_value(hashes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Distinct values; positions sorted by value; where each value's positions start (and end)."""
    order = np.argsort(hashes, kind="stable")
    values, start = np.unique(hashes[order], return_index=True)
    return values, order, np.append(start, len(hashes))


# ---------------------------------------------------------------------------------- confirming


def _link(
    component: np.ndarray,
    i: np.ndarray,
    j: np.ndarray,
    mirrored: np.ndarray,
    confirm: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray],
) -> np.ndarray:
    """Merges the components of confirmed pairs; (n,) component numbers in, the same out.

    Pairs inside one component change nothing and are not looked at. So each picture first meets
    one partner only, then four, and so on: n copies of one picture cost about n confirmations.
    """
    quota = 1
    while True:
        apart = component[i] != component[j]
        i, j, mirrored = i[apart], j[apart], mirrored[apart]
        if len(i) == 0:
            return component
        now = _first_of_each(j, quota)
        confirmed = confirm(i[now], j[now], mirrored[now])
        ends = component[i[now][confirmed]], component[j[now][confirmed]]
        graph = coo_array((np.ones(len(ends[0])), ends), shape=(len(component),) * 2)
        component = connected_components(graph, directed=False)[1][component]
        i, j, mirrored = i[~now], j[~now], mirrored[~now]
        quota *= 4


def _first_of_each(keys: np.ndarray, quota: int) -> np.ndarray:
    """(n,) bool: whether fewer than `quota` earlier elements have the same key."""
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    rank = np.arange(len(keys)) - np.searchsorted(ordered, ordered)
    first = np.empty(len(keys), bool)
    first[order] = rank < quota
    return first


def _confirm(
    thumbs, i, j, mirrored, correlation: float, correlation_loose: float, agreement: float
) -> np.ndarray:
    """(pairs,) bool: whether thumbnails i and j show the same picture (see `find_groups`)."""

    def confirm_block(start: int) -> np.ndarray:
        block = slice(start, start + ALIGN_BLOCK)
        a, b = _standard(thumbs[i[block]]), _standard(thumbs[j[block]])
        b[mirrored[block]] = b[mirrored[block], :, ::-1]
        left = np.arange(len(a))  # positions in the block of the pairs still in play
        pyramid = [(a, b)]
        for _ in range(2):
            pyramid.append(tuple(_halve(side) for side in pyramid[-1]))
        warp = np.tile(NO_WARP, (len(a), 1))
        for level, steps in zip(reversed(pyramid), (3, 2, 1), strict=True):
            a, b = (side[left] for side in level)
            for _ in range(steps):
                warp = _improve_warp(a, b, warp)
            overlay = _overlay(a, b, warp)
            near = _correlation(*overlay) >= correlation_loose - COARSE_SLACK
            left, warp = left[near], warp[near]
        result = np.zeros(len(pyramid[0][0]), bool)
        result[left] = judge(*(side[near] for side in overlay))
        # A stamp may pull the alignment off; the pictures as they are get a chance as well.
        left = left[~result[left]]
        a, b = (side[left] for side in pyramid[0])
        result[left] = judge(a, b, np.ones_like(a))
        return result

    def judge(a: np.ndarray, b: np.ndarray, overlap: np.ndarray) -> np.ndarray:
        grey = _correlation(a, b, overlap)
        detail = _correlation(_detail(a), _detail(b), overlap)
        return ((grey >= correlation) & (detail >= MIN_DETAIL)) | (
            (grey >= correlation_loose)
            & (detail >= MIN_DETAIL_LOOSE)
            & (_agreement(a, b, overlap) >= agreement)
        )

    blocks = parallel_map(confirm_block, range(0, len(i), ALIGN_BLOCK))
    return np.concatenate([np.zeros(0, bool), *blocks])


def _standard(thumbs: np.ndarray) -> np.ndarray:
    """(n, side, side) float32 with mean 0 and standard deviation 1 each."""
    values = thumbs.astype(np.float32)
    values -= values.mean(axis=(1, 2), keepdims=True)
    return values / values.std(axis=(1, 2), keepdims=True)


def _halve(images: np.ndarray) -> np.ndarray:
    """(n, side / 2, side / 2): means of 2 x 2 pixels."""
    rows = images[:, ::2] + images[:, 1::2]
    return (rows[:, :, ::2] + rows[:, :, 1::2]) / 4


def _places(side: int) -> np.ndarray:
    """(side,) centres of pixels, the picture spanning -1 to 1."""
    return (2 * np.arange(side, dtype=np.float32) + 1) / side - 1


def _sampler(scale: np.ndarray, shift: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Linear interpolation along one axis, at `scale * place + shift` for each place.

    Returns:
        (n, side, side) float32 weights, one row per place; (n, side) float32, 1 where that place
        is inside the picture and 0 where its edge is repeated.
    """
    target = scale[:, None] * _places(side) + shift[:, None]
    pixel = np.clip((target + 1) * (side / 2) - 0.5, 0, side - 1)
    weights = np.maximum(0, 1 - np.abs(pixel[:, :, None] - np.arange(side, dtype=np.float32)))
    return weights, (np.abs(target) <= 1).astype(np.float32)


def _overlay(
    a: np.ndarray, b: np.ndarray, warp: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """`a` moved onto `b`.

    Args:
        a: (n, side, side) float32.
        b: the same.
        warp: (n, 4) float32: horizontal scale and shift, vertical scale and shift. The pixel
            of `b` at place p shows what `a` has at scale * p + shift.

    Returns:
        The moved `a`, `b`, and (n, side, side) float32, 1 where both have a pixel, else 0.
    """
    side = a.shape[1]
    across, inside_x = _sampler(warp[:, 0], warp[:, 1], side)
    down, inside_y = _sampler(warp[:, 2], warp[:, 3], side)
    return down @ a @ across.transpose(0, 2, 1), b, inside_y[:, :, None] * inside_x[:, None, :]


def _improve_warp(a: np.ndarray, b: np.ndarray, warp: np.ndarray) -> np.ndarray:
    """One Gauss-Newton step towards the warp, brightness and contrast that turn `a` into `b`.

    Least squares over the overlap, linear in six unknowns: contrast, brightness and the four of
    the warp (Lucas and Kanade 1981, with gain and bias).
    """
    n, side, _ = a.shape
    moved, _, overlap = _overlay(a, b, warp)
    slope_y, slope_x = np.gradient(moved, 2 / side, axis=(1, 2))
    x, y = _places(side)[None, None, :], _places(side)[None, :, None]
    terms = np.stack(
        (moved, np.ones_like(moved), slope_x * x, slope_x, slope_y * y, slope_y), axis=1
    ).reshape(n, 6, side**2)
    weighted = terms * overlap.reshape(n, 1, side**2)
    normal = (weighted @ terms.transpose(0, 2, 1)).astype(np.float64) / side**2
    right = (weighted @ b.reshape(n, side**2, 1)).astype(np.float64) / side**2
    # A little damping; it also keeps directions without any slope from being singular.
    diagonal = np.einsum("nii->ni", normal)
    diagonal *= np.array([1, 1, 1.001, 1.001, 1.001, 1.001])
    diagonal += 1e-6
    solution = np.linalg.solve(normal, right)[:, :, 0]
    step = solution[:, 2:] / np.maximum(solution[:, :1], 0.3)
    limits = np.array([[1 - MAX_WARP, -MAX_WARP] * 2, [1 + MAX_WARP, MAX_WARP] * 2])
    return np.clip(warp + np.clip(step, -0.08, 0.08), *limits).astype(np.float32)


def _correlation(a: np.ndarray, b: np.ndarray, overlap: np.ndarray) -> np.ndarray:
    """(n,) Pearson correlation over the overlap; 0 where either side is constant."""
    count = overlap.sum(axis=(1, 2), keepdims=True)
    a = (a - (a * overlap).sum(axis=(1, 2), keepdims=True) / count) * overlap
    b = (b - (b * overlap).sum(axis=(1, 2), keepdims=True) / count) * overlap
    power = (a * a).sum(axis=(1, 2)) * (b * b).sum(axis=(1, 2))
    return (a * b).sum(axis=(1, 2)) / np.sqrt(np.maximum(power, 1e-6))


def _agreement(a: np.ndarray, b: np.ndarray, overlap: np.ndarray) -> np.ndarray:
    """(n,) share of the overlap where the two differ by less than PIXEL_TOLERANCE.

    Brightness and contrast are matched first, by least squares with Cauchy weights, so that a
    stamp on one of the two does not spoil the match everywhere else.
    """
    weights = overlap
    for _ in range(6):
        total = weights.sum(axis=(1, 2), keepdims=True)
        mean_a = (a * weights).sum(axis=(1, 2), keepdims=True) / total
        mean_b = (b * weights).sum(axis=(1, 2), keepdims=True) / total
        covariance = ((a - mean_a) * (b - mean_b) * weights).sum(axis=(1, 2), keepdims=True)
        variance = ((a - mean_a) ** 2 * weights).sum(axis=(1, 2), keepdims=True)
        difference = b - mean_b - covariance / np.maximum(variance, 1e-6) * (a - mean_a)
        weights = overlap / (1 + (difference / 0.15) ** 2)
    close = (np.abs(difference) < PIXEL_TOLERANCE) * overlap
    return close.sum(axis=(1, 2)) / overlap.sum(axis=(1, 2))


def _detail(images: np.ndarray) -> np.ndarray:
    """What a mean over DETAIL_WINDOW squared pixels removes."""
    return images - uniform_filter(images, (1, DETAIL_WINDOW, DETAIL_WINDOW), mode="nearest")
