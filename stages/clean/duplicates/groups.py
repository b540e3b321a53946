"""Near-duplicates: the same photograph saved again, shrunk, cropped, mirrored, brightened, stamped.

Two stages. A 64-bit hash of every image *proposes* pairs (hash_search.py); aligning the two grey
thumbnails and correlating them *confirms* a pair or drops it (alignment.py). Groups are the
connected components of the confirmed pairs, so two images that were confirmed never end in
different groups, whatever lies between them. Nothing here reads or writes a file.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from itertools import product

import numpy as np
from PIL import Image
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from common.cli import parallel_map
from stages.clean.duplicates import alignment
from stages.clean.duplicates.hash_search import BITS, CHUNKS, near_pairs_in_blocks

THUMB = 72  # side of the thumbnail: three pyramid levels, 72, 36 and 18
# An image cropped by 5 % is not near its whole original but near one of its corners: the hash of
# the whole alone proposed 78 to 82 % of such pairs, with those of the four corners 99 %.
CORNER = 0.97  # side of a corner as a share of the image's
MIN_CONTRAST = 2.0  # standard deviation in grey levels; below it an image has no content to match
THUMB_BLOCK = 512  # thumbnails converted at once


@dataclass(frozen=True, eq=False)
class Fingerprint:
    """What `find_groups` needs to know of one image.

    Attributes:
        phash: 64-bit hash of the grey image, np.uint64.
        mirror: the same of its left-right mirror image, np.uint64.
        thumb: (THUMB, THUMB) uint8, the whole image in grey, squeezed to a square.
    """

    phash: np.uint64
    mirror: np.uint64
    thumb: np.ndarray


def fingerprint(image: Image.Image) -> Fingerprint:
    """Fingerprint of one image.

    Args:
        image: RGB or, in 0.6 of the time, grey (mode L); upright (EXIF rotation applied), any
            size. Not changed; safe from any thread.

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
    """Groups images that are copies of one another.

    A pair is proposed when the hash of one image is within `hash_distance` bits of the hash
    of the other, of its mirror image or of one of its corners; `alignment.confirm` confirms it.

    Groups are connected components: a chain of confirmed pairs is one group, even where its ends
    would not be confirmed by themselves (a cropped copy and a stamped copy of one original). The
    other choice, cutting chains, would put a confirmed pair on both sides of a split. What keeps
    chains from growing through strangers is a confirmation strict enough to make no false links.

    Images without contrast (MIN_CONTRAST) have no defined correlation and stay by themselves,
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
        (n,) int64: for each image the smallest index of its group. The partition does not
        depend on the order of the images.

    Raises:
        ValueError: if shapes or dtypes differ from the above.
    """
    n = len(phash)
    _check_inputs(phash, mirror, thumbs, hash_distance)
    if n == 0:
        return np.zeros(0, np.int64)
    corners, contrast, digest = _summaries(thumbs)
    labels = np.arange(n, dtype=np.int64)
    clear = np.flatnonzero(contrast >= MIN_CONTRAST)
    if len(clear) == 0:
        return labels
    # Distinct images in the order of their content, so that nothing below can depend on the
    # order of the files. Images with equal fingerprints are one entry.
    content = np.column_stack((phash, mirror, digest))[clear]
    _, first, entry = np.unique(content, axis=0, return_index=True, return_inverse=True)
    distinct = clear[first]

    def confirm(i: np.ndarray, j: np.ndarray, mirrored: np.ndarray) -> np.ndarray:
        return alignment.confirm(
            thumbs,
            distinct[i],
            distinct[j],
            mirrored,
            correlation=correlation,
            correlation_loose=correlation_loose,
            agreement=agreement,
        )

    component = np.arange(len(distinct))
    hashes = (phash[distinct], mirror[distinct], corners[distinct])
    for i, j, mirrored in _propose(*hashes, hash_distance):
        component = _link(component, i, j, mirrored, confirm)

    smallest = np.full(len(distinct), n, np.int64)
    np.minimum.at(smallest, component[entry], clear)
    labels[clear] = smallest[component[entry]]
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
    # The lowest frequencies are the most alike among images of one subject. Dealt out over the
    # chunks of the search, they leave no chunk with crowded buckets.
    dealt = [lowest[place] for chunk in range(CHUNKS) for place in range(chunk, BITS, CHUNKS)]
    vertical, horizontal = np.array(dealt).T
    return vertical, horizontal


@cache
def _mirror_signs() -> np.ndarray:
    """(64,) factors that turn an image's frequencies into those of its mirror image."""
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


# ---------------------------------------------------------------------------------- grouping


def _propose(
    phash: np.ndarray, mirror: np.ndarray, corners: np.ndarray, distance: int
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yields blocks of proposed pairs: i, j (i < j) and whether one of the two is mirrored."""

    def near(i: np.ndarray, j: np.ndarray, other: np.ndarray) -> np.ndarray:
        return np.bitwise_count(phash[i] ^ other[j]) <= distance

    tried = []
    for other in (phash, *corners.T, mirror):
        for q, b in near_pairs_in_blocks(phash, None if other is phash else other, distance):
            pairs = np.unique(np.minimum(q, b) * len(phash) + np.maximum(q, b))
            i, j = np.divmod(pairs, len(phash))
            fresh = i != j
            for earlier in tried if other is not mirror else ():
                fresh &= ~(near(i, j, earlier) | near(j, i, earlier))
            yield i[fresh], j[fresh], np.full(int(fresh.sum()), other is mirror)
        tried.append(other)


def _link(
    component: np.ndarray,
    i: np.ndarray,
    j: np.ndarray,
    mirrored: np.ndarray,
    confirm: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray],
) -> np.ndarray:
    """Merges the components of confirmed pairs; (n,) component numbers in, the same out.

    Pairs inside one component change nothing and are not looked at. So each image first meets
    one partner only, then four, and so on: n copies of one image cost about n confirmations.
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
