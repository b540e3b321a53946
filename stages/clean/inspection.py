"""Every file of the source decoded and measured once, for the clean stage."""

import dataclasses
import hashlib
from pathlib import Path

import numpy as np
import pandas as pd

from common import cli, images
from common.schema import Clean
from stages.clean import quality
from stages.clean.duplicates import groups
from stages.clean.labels.class_folders import Placed


def inspect(path: Path, clean: Clean) -> dict:
    """Decodes one file and measures it.

    Returns:
        The columns of the manifest that come from the file itself, `bytes` (its size) and
        `fingerprint`.

    Raises:
        images.ImageError: with one of reasons.REASONS.
    """
    data = path.read_bytes()
    decoded = images.decode(data, clean.max_pixels)
    width, height = decoded.width, decoded.height
    if min(width, height) < clean.min_side:
        raise images.ImageError("too_small", f"{width}x{height} px, limit {clean.min_side} px")
    if max(width, height) > clean.max_aspect * min(width, height):
        raise images.ImageError("bad_aspect", f"{width}x{height} px, limit {clean.max_aspect}:1")
    grey = decoded.image.convert("L")
    measures = quality.measure(decoded.image, grey)
    if measures["contrast"] < clean.min_contrast:
        raise images.ImageError(
            "no_content",
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
        "fingerprint": groups.fingerprint(grey),
        **measures,
    }


def inspect_all(
    raw: Path, placed: list[Placed], clean: Clean, thumbs: np.memmap
) -> tuple[pd.DataFrame, list[dict]]:
    """Inspects every file; returns (rows of usable images, rows of the reject table).

    The thumbnail of the k-th usable image goes to `thumbs[k]`, so that memory does not grow
    with the number of images.
    """

    def attempt(item: Placed) -> dict | images.ImageError:
        try:
            return inspect(raw / item.path, clean)
        except images.ImageError as error:
            return error

    rows, rejected = [], []
    results = cli.parallel_map(attempt, placed)
    for item, result in zip(placed, cli.progress(results, "decoding", len(placed)), strict=True):
        if isinstance(result, images.ImageError):
            rejected.append(
                {
                    "path": item.path,
                    "label": item.label,
                    "reason": result.reason,
                    "detail": result.detail,
                    "kept_path": "",
                }
            )
            continue
        mark = result.pop("fingerprint")
        thumbs[len(rows)] = mark.thumb
        rows.append(dataclasses.asdict(item) | result | {"hash": mark.phash, "mirror": mark.mirror})
    return pd.DataFrame(rows), rejected
