"""Near-duplicates: the same photograph saved again, shrunk, cropped, mirrored, brightened, stamped.

Two stages. A 64-bit hash of every image *proposes* pairs (hash_search.py); aligning the two grey
thumbnails and correlating them *confirms* a pair or drops it (alignment.py). Groups are the
connected components of the confirmed pairs, so two images that were confirmed never end in
different groups, whatever lies between them. Nothing here reads or writes a file.
"""

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from common.schema import Clean
from common.turns import occurrences
from stages.clean.duplicates import alignment
from stages.clean.duplicates.fingerprints import THUMB, summarise
from stages.clean.duplicates.hash_search import BITS, near_pairs_in_blocks

MIN_CONTRAST = 2.0  # standard deviation in grey levels; below it an image has no content to match


def group_copies(images: pd.DataFrame, thumbs: np.ndarray, clean: Clean) -> np.ndarray:
    """Number of each image's group of equal or nearly equal images.

    Args:
        images: n rows with `sha256`, `hash` and `mirror`.
        thumbs: (n, THUMB, THUMB) uint8, an array or a memory map.
        clean: limits; with `near_duplicates` off only equal files are a group.

    Returns:
        int64 (n,), from 0.
    """
    exact = pd.factorize(images["sha256"])[0]
    if clean.near_duplicates == "off":
        return exact
    near = find_groups(
        images["hash"].to_numpy(np.uint64),
        images["mirror"].to_numpy(np.uint64),
        thumbs,
        hash_distance=clean.hash_distance,
        correlation=clean.correlation,
        correlation_loose=clean.correlation_loose,
        agreement=clean.agreement,
    )
    # Images without detail are never near copies of each other, but equal bytes always are one.
    first = np.unique(exact, return_index=True)[1]
    return pd.factorize(near[first[exact]])[0]


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
    corners, contrast, digest = summarise(thumbs)
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
        now = occurrences(j) < quota
        confirmed = confirm(i[now], j[now], mirrored[now])
        ends = component[i[now][confirmed]], component[j[now][confirmed]]
        graph = coo_array((np.ones(len(ends[0])), ends), shape=(len(component),) * 2)
        component = connected_components(graph, directed=False)[1][component]
        i, j, mirrored = i[~now], j[~now], mirrored[~now]
        quota *= 4
