"""Time of the search on many synthetic images and hashes."""

import time

import numpy as np
from PIL import Image, ImageOps

from benchmarks.near_duplicates.finders import search_settings
from benchmarks.near_duplicates.planted import brighter
from common.cli import parallel_map
from stages.clean.duplicates.fingerprints import fingerprint
from stages.clean.duplicates.groups import find_groups
from stages.clean.duplicates.hash_search import near_pairs


def brute_force(queries: np.ndarray, base: np.ndarray, distance: int) -> int:
    """Number of pairs within `distance`, by comparing all of them in blocks that fit the cache."""
    count = 0
    for start in range(0, len(base), 4096):
        block = base[start : start + 4096]
        for query in range(0, len(queries), 8):
            differing = np.bitwise_count(queries[query : query + 8, None] ^ block)
            count += int(np.count_nonzero(differing <= distance))
    return count


def synthetic(number: int, seed: int) -> Image.Image:
    """An image of soft shapes and fine grain, unlike that of any other number."""
    rng = np.random.default_rng([seed, number])
    coarse = Image.fromarray(rng.integers(0, 256, (9, 9), np.uint8))
    shapes = np.asarray(coarse.resize((96, 96), Image.Resampling.BICUBIC), np.int16)
    grain = np.repeat(np.repeat(rng.integers(-40, 41, (48, 48)), 2, 0), 2, 1)
    return Image.fromarray(np.clip(shapes + grain, 0, 255).astype(np.uint8)).convert("RGB")


def report_whole_search(n: int, seed: int) -> None:
    """Prints the time and the recall of `find_groups` on n images, every tenth a near copy."""

    def print_of(number: int):
        if number % 10:
            return fingerprint(synthetic(number, seed))
        return fingerprint(ImageOps.mirror(brighter(synthetic(number + 1, seed))))

    start = time.perf_counter()
    prints = list(parallel_map(print_of, range(n)))
    drawn = time.perf_counter()
    groups = find_groups(
        np.array([p.phash for p in prints]),
        np.array([p.mirror for p in prints]),
        np.stack([p.thumb for p in prints]),
        **search_settings(),
    )
    grouped = time.perf_counter()
    copies = np.arange(0, n - 1, 10)
    recall = np.mean(groups[copies] == groups[copies + 1])
    extra = n - len(np.unique(groups)) - int(recall * len(copies))
    print(
        f"{n} images, {len(copies)} of them near copies: drawn and fingerprinted in "
        f"{drawn - start:.1f} s, grouped in {grouped - drawn:.1f} s; recall {recall:.3f}, "
        f"{extra} others joined"
    )


def report_hash_search(n: int, seed: int) -> None:
    """Prints the time of the hash search for n hashes, half random and half near another."""
    rng = np.random.default_rng(seed)
    hashes = rng.integers(0, 1 << 64, n, dtype=np.uint64)
    near = rng.integers(0, n // 2, n - n // 2)
    hashes[n // 2 :] = hashes[near]
    for _ in range(8):
        hashes[n // 2 :] ^= np.uint64(1) << rng.integers(0, 64, len(near), dtype=np.uint64)
    others = rng.permutation(hashes)
    distance = search_settings()["hash_distance"]

    start = time.perf_counter()
    among = len(near_pairs(hashes, None, distance)[0])
    searched = time.perf_counter()
    across = len(near_pairs(hashes, others, distance)[0])
    crossed = time.perf_counter()
    every = brute_force(hashes, others, distance)
    compared = time.perf_counter()
    assert every == across == 2 * among + n, (every, across, among)
    full = compared - crossed
    print(
        f"{n} hashes within {distance} bits: {searched - start:.2f} s among themselves "
        f"({among} pairs), {crossed - searched:.2f} s against as many others ({across} pairs); "
        f"all pairs compared {full:.2f} s; search / all pairs = {(crossed - searched) / full:.3f}"
    )
