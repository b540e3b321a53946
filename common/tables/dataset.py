"""Dataset: the resized images of each split, as Parquet that other tools open unaided."""

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from common.errors import StageError
from common.files import atomic_file
from common.preprocessing import Preprocessing, as_json, from_json
from common.tables.storage import require_columns

SPLITS = ("train", "val", "test")
PREDICTED_SPLITS = ("val", "test")  # those whose predictions the stages after train read

# One row per image; `image` is the layout that Hugging Face datasets reads as an image. Fields
# are nullable, though none is null: it ignores the features of others.
DATASET_FIELDS = [
    pa.field(
        "image",
        pa.struct([pa.field("bytes", pa.binary()), pa.field("path", pa.string())]),
    ),
    pa.field("image_id", pa.string()),
    pa.field("label", pa.int64()),  # index into class_names
    pa.field("group", pa.int64()),
]


def dataset_schema(class_names: list[str], preprocessing: Preprocessing) -> pa.Schema:
    """Schema of the dataset; its metadata name the classes, as Hugging Face datasets expects.

    Beside them, under `preprocessing`, stands how its images came to their size, as JSON.
    """
    features = {
        "image": {"_type": "Image"},
        "image_id": {"dtype": "string", "_type": "Value"},
        "label": {"names": class_names, "_type": "ClassLabel"},
        "group": {"dtype": "int64", "_type": "Value"},
    }
    metadata = {
        "huggingface": json.dumps({"info": {"features": features}}),
        "preprocessing": json.dumps(as_json(preprocessing)),
    }
    return pa.schema(DATASET_FIELDS, metadata=metadata)


def write_dataset(
    folder: Path,
    class_names: list[str],
    preprocessing: Preprocessing,
    rows: Iterable[dict],
    batch: int = 256,
) -> int:
    """Streams rows into `folder/part-00000.parquet`; returns how many.

    Args:
        folder: data/dataset/<split>.
        class_names: in the order of the label index.
        preprocessing: how the images came to their size.
        rows: dicts with `png` (bytes), `path`, `image_id`, `label` (int), `group`.
        batch: rows held in memory and written as one row group.
    """
    schema = dataset_schema(class_names, preprocessing)
    count = 0
    remaining = iter(rows)
    with (
        atomic_file(Path(folder) / "part-00000.parquet") as temporary,
        # PNG bytes do not compress further.
        pq.ParquetWriter(temporary, schema, compression="none") as writer,
    ):
        while chunk := list(islice(remaining, batch)):
            columns = {
                "image": [{"bytes": row["png"], "path": row["path"]} for row in chunk],
                "image_id": [row["image_id"] for row in chunk],
                "label": [row["label"] for row in chunk],
                "group": [row["group"] for row in chunk],
            }
            writer.write_table(pa.Table.from_pydict(columns, schema=schema))
            count += len(chunk)
    return count


class Dataset:
    """A split of data/dataset: its columns in memory, its images read as a stream.

    Attributes:
        class_names: in the order of the label index.
        preprocessing: how the images came to their size.
        n: number of images.
        image_id: object (n,).
        path: object (n,), relative to data/raw.
        label: int64 (n,), index into class_names.
        group: int64 (n,).
    """

    def __init__(self, folder: Path):
        self.files = sorted(Path(folder).glob("*.parquet"))
        if not self.files:
            raise StageError(
                f"Expected Parquet files in {folder}. Received: none. Run `dvc repro split`."
            )
        schema = pq.read_schema(self.files[0])
        require_columns(self.files[0], schema.names, [field.name for field in DATASET_FIELDS])
        features = json.loads(schema.metadata[b"huggingface"])["info"]["features"]
        self.class_names: list[str] = features["label"]["names"]
        self.preprocessing = _read_preprocessing(self.files[0], schema)
        columns = ["image_id", "label", "group", "image.path"]
        table = pa.concat_tables(pq.ParquetFile(file).read(columns=columns) for file in self.files)
        self.image_id = table["image_id"].to_numpy(zero_copy_only=False)
        self.label = table["label"].to_numpy()
        self.group = table["group"].to_numpy()
        self.path = table["image"].combine_chunks().field("path").to_numpy(zero_copy_only=False)
        self.n = len(self.label)

    def png_batches(self, size: int) -> Iterator[list[bytes]]:
        """Yields lists of at most `size` encoded images, in row order, each row once."""
        for file in self.files:
            with pq.ParquetFile(file) as parquet:
                for batch in parquet.iter_batches(batch_size=size, columns=["image.bytes"]):
                    yield batch.column("image").field("bytes").to_pylist()

    def png_at(self, rows: Iterable[int]) -> dict[int, bytes]:
        """Encoded images of a few rows, by row number; reads only their row groups."""
        wanted = sorted({int(row) for row in rows})
        encoded: dict[int, bytes] = {}
        start = 0  # row number of the row group's first row
        for file in self.files:
            with pq.ParquetFile(file) as parquet:
                for index in range(parquet.num_row_groups):
                    end = start + parquet.metadata.row_group(index).num_rows
                    in_group = [row for row in wanted if start <= row < end]
                    if in_group:
                        group = parquet.read_row_group(index, columns=["image.bytes"])
                        column = group["image"].combine_chunks().field("bytes")
                        encoded |= {row: column[row - start].as_py() for row in in_group}
                    start = end
        return encoded


def _read_preprocessing(file: Path, schema: pa.Schema) -> Preprocessing:
    try:
        return from_json(json.loads(schema.metadata[b"preprocessing"]))
    except KeyError:
        raise StageError(
            f"Expected {file} to tell how its images were resized. Received: a file of an earlier "
            "release. Run `dvc repro split`."
        ) from None
