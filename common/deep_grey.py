"""Greys of more than 8 bits: which values become black and white.

Files say how many bits their values are stored in, not how many they use: 12 bits of a camera in
16 would be nearly black. So the values that are there decide, once for a whole set, so that two
pictures keep their relation.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from PIL import Image

from common.preprocessing import Greys, Span

GDAL_NODATA = 42113  # tag of TIFF: the value of pixels that were not measured
# An outermost value this many times farther from the rest than the rest is wide is no measurement:
# -9999 or the least float for "no data", or a pixel of the sensor that is broken.
ISOLATED = 3.0
HEAD = 32  # bytes of a file that `may_be_deep` looks at
HALF = 127  # floats above it and up to 255 are taken for 8 bits


class Extent(NamedTuple):
    """The values of one file.

    Attributes:
        real: whether they are floating-point numbers.
        low: the least.
        high: the greatest.
    """

    real: bool
    low: float
    high: float


def is_deep(image: Image.Image) -> bool:
    """Whether an opened image is grey of more than 8 bits."""
    return image.mode == "F" or image.mode.startswith("I")


def may_be_deep(head: bytes) -> bool:
    """Whether a file may be such an image, by its first HEAD bytes; others need not be opened."""
    png = head.startswith(b"\x89PNG") and head[24:25] == b"\x10" and head[25:26] == b"\0"
    return png or head.startswith((b"II", b"MM", b"P2", b"P5", b"Pf"))


def extent_of(image: Image.Image) -> Extent:
    """The values of an image that `is_deep`, without infinities and isolated ones."""
    values = np.asarray(image, dtype=np.float64)
    measured = _measured(values, _no_data(image))
    if not measured.size:
        return Extent(image.mode == "F", 0.0, 0.0)
    return Extent(image.mode == "F", float(measured.min()), float(measured.max()))


def greys_of(extents: Iterable[Extent]) -> Greys:
    """Black and white of a set, by the extents of its files."""
    extents = list(extents)
    spans = []
    for real, rule in ((False, _whole_span), (True, _real_span)):
        alike = [extent for extent in extents if extent.real == real]
        # Files of one value have no say: a white page among dim pictures would make them black.
        alike = [extent for extent in alike if extent.low < extent.high] or alike
        lows, highs = ([extent[end] for extent in alike] for end in (1, 2))
        spans.append(rule(min(lows), max(highs)) if alike else None)
    return Greys(*spans)


def to_8_bits(image: Image.Image, greys: Greys) -> Image.Image:
    """An image that `is_deep` in mode L: values scaled and clipped; what is no number is black.

    Args:
        image: opened.
        greys: of its set; a kind that the set did not have is scaled by the image's own values.
    """
    span = (greys.real if image.mode == "F" else greys.whole) or next(
        filter(None, greys_of([extent_of(image)]))
    )
    values = np.asarray(image, dtype=np.float64)
    no_data = _no_data(image)
    absent = ~np.isfinite(values) if no_data is None else ~np.isfinite(values) | (values == no_data)
    black, white = span
    with np.errstate(over="ignore", invalid="ignore"):
        scaled = (values - black) / (white - black or 1.0) * 255
    scaled = np.where(absent, 0.0, np.clip(np.rint(scaled), 0, 255))
    return Image.fromarray(scaled.astype(np.uint8))


def _whole_span(low: float, high: float) -> Span:
    """From 0 to the highest value of as many bits as are used, 8 at least; or as it is below 0."""
    if low < 0:
        return low, max(high, low + 1)
    return 0.0, float(max(255, 2 ** int(high).bit_length() - 1))


def _real_span(low: float, high: float) -> Span:
    """0 to 1 or 0 to 255 where values keep to them, else the values that there are."""
    if low >= 0 and high <= 1:
        return 0.0, 1.0
    if low >= 0 and HALF < high <= 255:
        return 0.0, 255.0
    return low, high


def _measured(values: np.ndarray, no_data: float | None) -> np.ndarray:
    """The values that are numbers and measurements, in one row."""
    kept = values[np.isfinite(values)]
    if no_data is not None:
        kept = kept[kept != no_data]
    for outermost in (np.min, np.max):
        if not kept.size:
            break
        extreme = outermost(kept)
        rest = kept[kept != extreme]
        if rest.size and np.ptp(rest) > 0:
            gap = np.abs(rest - extreme).min()
            if gap > ISOLATED * np.ptp(rest):
                kept = rest
    return kept


def _no_data(image: Image.Image) -> float | None:
    tags = getattr(image, "tag_v2", None)
    text = tags.get(GDAL_NODATA) if tags is not None else None
    try:
        return float(str(text).strip("\0 ")) if text is not None else None
    except ValueError:
        return None
