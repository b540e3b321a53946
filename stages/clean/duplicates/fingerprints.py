"""Fingerprints of images for the search of near-duplicates: hashes of a grey thumbnail.

A hash is one bit for each of the 64 lowest frequencies of the thumbnail's cosine transform. Nothing
here reads or writes a file.
"""

from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from itertools import product

import numpy as np
from PIL import Image

from common.cli import parallel_map
from stages.clean.duplicates.hash_search import BITS, CHUNKS

THUMB = 72  # side of the thumbnail: three pyramid levels, 72, 36 and 18
# An image cropped by 5 % is not near its whole original but near one of its corners: the hash of
# the whole alone proposed 78 to 82 % of such pairs, with those of the four corners 99 %.
CORNER = 0.97  # side of a corner as a share of the image's
THUMB_BLOCK = 512  # thumbnails converted at once


@dataclass(frozen=True, eq=False)
class Fingerprint:
    """Features of one image by which `find_groups` compares it.

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


def summarise(thumbs: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
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
