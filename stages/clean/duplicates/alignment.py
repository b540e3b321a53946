"""Alignment of two thumbnails, and the test whether they show the same image.

One thumbnail is moved onto the other by least squares, coarse to fine, which undoes a small crop;
where they overlap, their grey values, their fine detail and the share of equal pixels decide.
"""

import numpy as np
from scipy.ndimage import uniform_filter

from common.cli import parallel_map

MAX_WARP = 0.125  # largest change of scale and of centre when aligning, as a share of the image
NO_WARP = np.array([1, 0, 1, 0], np.float32)
# Pairs below correlation_loose by more than this at 18 or 36 pixels are dropped there. Cropped
# copies correlate least at 18 pixels: .875 at worst, in 4,200.
COARSE_SLACK = 0.03
PIXEL_TOLERANCE = 0.25  # a pixel agrees within this many standard deviations of the image
# Of the pixels that differ from the ground (the median) by more than the tolerance in either
# image, at least this share must agree as well: different products on white agree on the white
# alone. Measured on 144 of them, a third of the image wide: 130 false links without it, 3 with.
MIN_ACTIVE_AGREEMENT = 0.5
# Fine detail must correlate as well: smooth images (sky, walls) resemble each other whatever
# they show. Measured on copies: .82 to 1, under a stamp .54 to 1; on smooth strangers, about 0.
MIN_DETAIL = 0.7
MIN_DETAIL_LOOSE = 0.4
DETAIL_WINDOW = 9  # pixels of the thumbnail; detail is what a mean over this window removes
ALIGN_BLOCK = 128  # pairs aligned at once by one thread; 2.6 MB an array


def confirm(
    thumbs: np.ndarray,
    i: np.ndarray,
    j: np.ndarray,
    mirrored: np.ndarray,
    *,
    correlation: float,
    correlation_loose: float,
    agreement: float,
) -> np.ndarray:
    """Which of the proposed pairs are copies.

    After the best small crop is undone and brightness and contrast are matched, the thumbnails
    - correlate by at least `correlation`, or
    - correlate by at least `correlation_loose` while at least `agreement` of the pixels differ
      by less than a quarter of a standard deviation (text or a logo stamped on a copy), and so
      do at least half of those that stand out from the ground.
    In both cases their fine detail has to correlate too (MIN_DETAIL).

    Args:
        thumbs: (n, side, side) uint8 or a memory map, none of those asked for constant; the side
            is a multiple of 4.
        i: (pairs,) positions in `thumbs`.
        j: the same of the other side.
        mirrored: (pairs,) bool, whether j has to be mirrored first.
        correlation: grey correlation that confirms by itself.
        correlation_loose: grey correlation that confirms together with `agreement`.
        agreement: share of pixels.

    Returns:
        (pairs,) bool.
    """

    def confirm_block(start: int) -> np.ndarray:
        block = slice(start, start + ALIGN_BLOCK)
        a, b = _standard(thumbs[i[block]]), _standard(thumbs[j[block]])
        b[mirrored[block]] = b[mirrored[block], :, ::-1]
        pyramid = [(a, b)]
        for _ in range(2):
            pyramid.append(tuple(_halve(side) for side in pyramid[-1]))
        left = np.arange(len(a))  # positions in the block of the pairs still in play
        warp = np.tile(NO_WARP, (len(a), 1))
        for level, steps in zip(reversed(pyramid), (3, 2, 1), strict=True):
            a, b = (side[left] for side in level)
            for _ in range(steps):
                warp = _improve_warp(a, b, warp)
            moved, overlap = _move(a, warp)
            near = _correlation(moved, b, overlap) >= correlation_loose - COARSE_SLACK
            left, warp = left[near], warp[near]
        result = np.zeros(len(pyramid[0][0]), bool)
        result[left] = are_copies(moved[near], b[near], overlap[near])
        # A stamp may pull the alignment off; the images as they are get a chance as well.
        left = left[~result[left]]
        a, b = (side[left] for side in pyramid[0])
        result[left] = are_copies(a, b, np.ones_like(a))
        return result

    def are_copies(a: np.ndarray, b: np.ndarray, overlap: np.ndarray) -> np.ndarray:
        """(pairs,) bool for aligned thumbnails and the mask of where both have an image."""
        if not len(a):  # numpy takes no median of nothing
            return np.zeros(0, bool)
        grey = _correlation(a, b, overlap)
        detail = _correlation(_detail(a), _detail(b), overlap)
        alike = (grey >= correlation) & (detail >= MIN_DETAIL)
        stamped = (grey >= correlation_loose) & (detail >= MIN_DETAIL_LOOSE)
        everywhere, off_ground = _agreement(a, b, overlap)
        same = (everywhere >= agreement) & (off_ground >= MIN_ACTIVE_AGREEMENT)
        return alike | (stamped & same)

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
    """(side,) centres of pixels, the image spanning -1 to 1."""
    return (2 * np.arange(side, dtype=np.float32) + 1) / side - 1


def _sampler(scale: np.ndarray, shift: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Linear interpolation along one axis, at `scale * place + shift` for each place.

    Returns:
        (n, side, side) float32 weights, one row per place; (n, side) float32, 1 where that place
        is inside the image and 0 where its edge is repeated.
    """
    target = scale[:, None] * _places(side) + shift[:, None]
    pixel = np.clip((target + 1) * (side / 2) - 0.5, 0, side - 1)
    weights = np.maximum(0, 1 - np.abs(pixel[:, :, None] - np.arange(side, dtype=np.float32)))
    return weights, (np.abs(target) <= 1).astype(np.float32)


def _move(images: np.ndarray, warp: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Crops and stretches images.

    Args:
        images: (n, side, side) float32.
        warp: (n, 4) float32: horizontal scale and shift, vertical scale and shift. Place p of the
            result shows what the image has at scale * p + shift.

    Returns:
        The moved images and (n, side, side) float32, 1 where that is inside the image, else 0.
    """
    side = images.shape[1]
    across, inside_x = _sampler(warp[:, 0], warp[:, 1], side)
    down, inside_y = _sampler(warp[:, 2], warp[:, 3], side)
    return down @ images @ across.transpose(0, 2, 1), inside_y[:, :, None] * inside_x[:, None, :]


def _improve_warp(a: np.ndarray, b: np.ndarray, warp: np.ndarray) -> np.ndarray:
    """One Gauss-Newton step towards the warp, brightness and contrast that turn `a` into `b`.

    Least squares over the overlap, linear in six unknowns: contrast, brightness and the four of
    the warp (Lucas and Kanade 1981, with gain and bias).
    """
    n, side, _ = a.shape
    moved, overlap = _move(a, warp)
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


def _agreement(a: np.ndarray, b: np.ndarray, overlap: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Shares of the overlap, (n,) each, where the two differ by less than PIXEL_TOLERANCE.

    The first is of all pixels; the second of those that stand out from the ground in either, and
    0 where there are none.

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
    off_ground = (_off_ground(a) | _off_ground(b)) * overlap
    active = (close * off_ground).sum(axis=(1, 2)) / np.maximum(off_ground.sum(axis=(1, 2)), 1)
    return close.sum(axis=(1, 2)) / overlap.sum(axis=(1, 2)), active


def _off_ground(images: np.ndarray) -> np.ndarray:
    """Which pixels differ from their image's median by more than PIXEL_TOLERANCE."""
    return np.abs(images - np.median(images, axis=(1, 2), keepdims=True)) > PIXEL_TOLERANCE


def _detail(images: np.ndarray) -> np.ndarray:
    """What a mean over DETAIL_WINDOW squared pixels removes."""
    return images - uniform_filter(images, (1, DETAIL_WINDOW, DETAIL_WINDOW), mode="nearest")
