"""Manifest: one row per image that clean keeps."""

import json
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from common.preprocessing import NO_GREYS, Greys, spans_as_json, spans_from_json
from common.tables.storage import read_parquet, write_parquet

# Measures of each image, and the flags that clean sets by them. Flags reject nothing.
MEASURES = ("sharpness", "brightness", "contrast", "colourfulness", "size_ratio")
FLAGS = ("blurry", "dark", "bright", "low_contrast", "grey", "odd_size")

GREYS = b"greys"  # key of the file's metadata

# Sorted by path.
MANIFEST = pa.schema(
    [
        pa.field("image_id", pa.string(), nullable=False),  # first 16 hex of the file's sha256
        pa.field("path", pa.string(), nullable=False),  # POSIX, relative to data/raw
        pa.field("label", pa.string(), nullable=False),  # name of its class
        pa.field("given_split", pa.string()),  # train, val, test or null
        pa.field("sha256", pa.string(), nullable=False),  # 64 hex
        pa.field("phash", pa.string(), nullable=False),  # 16 hex, 64-bit DCT hash
        pa.field("width", pa.int32(), nullable=False),  # px, upright
        pa.field("height", pa.int32(), nullable=False),  # px, upright
        pa.field("format", pa.string(), nullable=False),  # of the content: JPEG, PNG, ...
        pa.field("mode", pa.string(), nullable=False),  # Pillow's mode of the file
        pa.field("group", pa.int64(), nullable=False),  # near-duplicate cluster, from 0
        *(pa.field(name, pa.float64(), nullable=False) for name in MEASURES),
        *(pa.field(name, pa.bool_(), nullable=False) for name in FLAGS),
    ]
)


def write_manifest(path: Path, rows: pd.DataFrame, greys: Greys = NO_GREYS) -> None:
    """Writes the manifest sorted by path.

    Args:
        path: of the file.
        rows: with the columns of MANIFEST.
        greys: black and white of the set; in the file's metadata, where it has any.
    """
    spans = spans_as_json(greys)
    metadata = {GREYS: json.dumps(spans)} if spans else None
    write_parquet(path, rows.sort_values("path", kind="stable"), MANIFEST, metadata)


def read_manifest(path: Path) -> pd.DataFrame:
    """Reads the manifest; `given_split` holds None where the source gave no split."""
    frame = read_parquet(path, MANIFEST)
    return frame.assign(
        given_split=frame["given_split"].astype(object).where(frame["given_split"].notna(), None)
    )


def read_greys(path: Path) -> Greys:
    """Black and white of the set's greys of more than 8 bits, as clean found them."""
    metadata = pq.read_schema(path).metadata or {}
    return spans_from_json(json.loads(metadata.get(GREYS, b"{}")))
