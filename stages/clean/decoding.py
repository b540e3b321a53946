"""Decoding of every file of the source, once: measures and fingerprints, or a reason to reject."""

import contextlib
import dataclasses
import hashlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from common import cli
from common.deep_grey import HEAD, Extent, extent_of, greys_of, is_deep, may_be_deep
from common.image_formats import FORMATS
from common.images import ImageError, decode
from common.preprocessing import Greys
from common.reasons import BAD_ASPECT, NO_CONTENT, TOO_SMALL
from common.schema import Clean
from stages.clean import quality
from stages.clean.duplicates.fingerprints import THUMB, fingerprint
from stages.clean.labels.class_folders import LabelledFile
from stages.clean.rows import rejected_row


def greys_of_set(raw: Path, paths: list[str], max_pixels: int) -> Greys:
    """Black and white of the greys of more than 8 bits among files; most are not even opened.

    Args:
        raw: folder of the source.
        paths: relative to it.
        max_pixels: larger images have no say, as they are dropped.
    """

    def extent(path: str) -> Extent | None:
        try:
            with (raw / path).open("rb") as stream:
                if not may_be_deep(stream.read(HEAD)):
                    return None
            with Image.open(raw / path, formats=FORMATS) as image:
                if is_deep(image) and image.width * image.height <= max_pixels:
                    return extent_of(image)
        except MemoryError:
            raise
        except Exception:  # whatever is wrong with it, decode_file will say
            return None
        return None

    extents = cli.progress(cli.parallel_map(extent, paths), "looking for deep greys", len(paths))
    return greys_of(filter(None, extents))


def decode_file(path: Path, clean: Clean, greys: Greys) -> dict:
    """Decodes one file and measures it.

    Args:
        path: of the file.
        clean: limits.
        greys: of the set.

    Returns:
        The columns of the manifest that come from the file itself, `bytes` (its size) and
        `fingerprint`.

    Raises:
        ImageError: with one of reasons.REASONS.
    """
    data = path.read_bytes()
    decoded = decode(data, clean.max_pixels, greys=greys)
    width, height = decoded.width, decoded.height
    if min(width, height) < clean.min_side:
        raise ImageError(TOO_SMALL, f"{width}x{height} px, limit {clean.min_side} px")
    if max(width, height) > clean.max_aspect * min(width, height):
        raise ImageError(BAD_ASPECT, f"{width}x{height} px, limit {clean.max_aspect}:1")
    grey = decoded.image.convert("L")
    measures = quality.measure(decoded.image, grey)
    if measures["contrast"] < clean.min_contrast:
        raise ImageError(
            NO_CONTENT,
            f"standard deviation {measures['contrast']:.2f}, limit {clean.min_contrast}",
        )
    sha256 = hashlib.sha256(data).hexdigest()
    return {
        "image_id": sha256[:16],
        "sha256": sha256,
        "width": width,
        "height": height,
        "format": decoded.format,
        "mode": decoded.mode,
        "bytes": len(data),
        "fingerprint": fingerprint(grey),
        **measures,
    }


@contextlib.contextmanager
def scratch_thumbs(n: int) -> Iterator[np.memmap]:
    """Yields a uint8 (n, THUMB, THUMB) array in a temporary file, so that memory does not grow."""
    with tempfile.TemporaryFile() as scratch:
        yield np.memmap(scratch, np.uint8, "w+", shape=(n, THUMB, THUMB))


def decode_all(
    raw: Path, labelled: list[LabelledFile], clean: Clean, greys: Greys, thumbs: np.ndarray
) -> tuple[pd.DataFrame, list[dict]]:
    """Decodes every file.

    Args:
        raw: folder of the source.
        labelled: its files.
        clean: limits.
        greys: of the set.
        thumbs: uint8 (n, THUMB, THUMB), filled here: row k with the thumbnail of the k-th image.

    Returns:
        A row for each usable image, with `hash` and `mirror` for the search of duplicates, and
        the rows of the reject table for all other files.
    """

    def attempt(file: LabelledFile) -> dict | ImageError:
        try:
            return decode_file(raw / file.path, clean, greys)
        except ImageError as error:
            return error

    rows, rejected = [], []
    results = cli.parallel_map(attempt, labelled)
    progress = cli.progress(results, "decoding", len(labelled))
    for file, result in zip(labelled, progress, strict=True):
        if isinstance(result, ImageError):
            rejected.append(rejected_row(file, result.reason, result.detail))
            continue
        features = result.pop("fingerprint")
        thumbs[len(rows)] = features.thumb
        hashes = {"hash": features.phash, "mirror": features.mirror}
        rows.append(dataclasses.asdict(file) | result | hashes)
    return pd.DataFrame(rows), rejected
