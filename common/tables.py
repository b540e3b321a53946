"""The tables between stages: columns, types, and the only code that reads and writes them.

Every reader checks the columns, so that a stage stops at its door when a table is not what the
stage before promised. Parquet where columns are typed or large, CSV where people and DVC look.
"""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from common.errors import StageError
from common.files import atomic_file
from common.reasons import REASONS

SPLITS = ("train", "val", "test")
PREDICTED_SPLITS = ("val", "test")  # those whose predictions the stages after train read
# Where a temperature is part of the model: the predictions of test without it.
BEFORE_TEMPERATURE_FILE = "test_before_temperature.csv"

# What quality.py measures of each image, and what it flags by that. Flags reject nothing.
MEASURES = ("sharpness", "brightness", "contrast", "colourfulness", "size_ratio")
FLAGS = ("blurry", "dark", "bright", "low_contrast", "grey", "odd_size")

# One row per image kept by clean, sorted by path.
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

REJECTED_COLUMNS = ["path", "label", "reason", "detail", "kept_path"]
LEAKS_COLUMNS = ["path", "label", "split", "group", "other_path", "other_split", "action"]

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

SAMPLING = pa.schema(
    [
        pa.field("row", pa.int64(), nullable=False),  # row of data/dataset/train
        pa.field("occurrence", pa.int64(), nullable=False),  # 0 for its first use, then 1, 2, ...
        pa.field("weight", pa.float32(), nullable=False),  # of its loss; 1 except for class_weight
    ]
)

HISTORY_FIRST_COLUMNS = ["epoch", "learning_rate", "loss", "accuracy", "val_loss", "val_accuracy"]
PREDICTION_COLUMNS = ["image_id", "path", "label", "predicted"]  # then p_<class> for each class

# Tables of diagnose: confident_mistakes.csv and unsure_hits.csv, and label_errors.csv.
REVIEW_COLUMNS = ["path", "split", "label", "predicted", "confidence", "p_label", "image_id"]
LABEL_ERROR_COLUMNS = [
    *("path", "split", "label", "suggested", "p_label", "p_suggested", "quality", "image_id"),
]


def write_manifest(path: Path, rows: pd.DataFrame) -> None:
    """Writes the manifest sorted by path; `rows` has the columns of MANIFEST."""
    _write_parquet(path, rows.sort_values("path", kind="stable"), MANIFEST)


def read_manifest(path: Path) -> pd.DataFrame:
    """The manifest; `given_split` holds None where the source gave no split."""
    frame = _read_parquet(path, MANIFEST)
    return frame.assign(
        given_split=frame["given_split"].astype(object).where(frame["given_split"].notna(), None)
    )


def write_rejected(path: Path, rows: list[dict]) -> None:
    """Writes the reject table sorted by path; `reason` must be one of REASONS."""
    unknown = sorted({row["reason"] for row in rows} - set(REASONS))
    if unknown:
        raise ValueError(f"Expected reasons among {tuple(REASONS)}. Received: {unknown}")
    _write_csv(path, pd.DataFrame(rows, columns=REJECTED_COLUMNS).sort_values("path"))


def read_rejected(path: Path) -> pd.DataFrame:
    """The reject table; absent `kept_path` and `label` are empty strings."""
    return _read_csv(path, REJECTED_COLUMNS)


def write_leaks(path: Path, rows: list[dict]) -> None:
    """Writes the near copies that stood across a given split, and what was done with them."""
    _write_csv(path, pd.DataFrame(rows, columns=LEAKS_COLUMNS))


class Preprocessing(NamedTuple):
    """How the images of a dataset came to their size, and so must those that a model is asked.

    Attributes:
        image_size: (height, width) in px.
        resize: "stretch", "crop" or "pad", as `images.resize` takes it.
        max_pixels: limit on width x height of a file.
    """

    image_size: tuple[int, int]
    resize: str
    max_pixels: int


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
        "preprocessing": json.dumps(preprocessing._asdict()),
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
    with (
        atomic_file(Path(folder) / "part-00000.parquet") as temporary,
        # PNG bytes do not compress further.
        pq.ParquetWriter(temporary, schema, compression="none") as writer,
    ):
        for chunk in _chunks(rows, batch):
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
    """A split of data/dataset, read as a stream.

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
        _check_columns(self.files[0], schema.names, [field.name for field in DATASET_FIELDS])
        info = json.loads(schema.metadata[b"huggingface"])["info"]["features"]
        self.class_names: list[str] = info["label"]["names"]
        self.preprocessing = _read_preprocessing(self.files[0], schema)
        columns = ["image_id", "label", "group", "image.path"]
        parts = [pq.ParquetFile(file).read(columns=columns) for file in self.files]
        table = pa.concat_tables(parts)
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
        found: dict[int, bytes] = {}
        start = 0
        for file in self.files:
            with pq.ParquetFile(file) as parquet:
                for index in range(parquet.num_row_groups):
                    length = parquet.metadata.row_group(index).num_rows
                    here = [row for row in wanted if start <= row < start + length]
                    if here:
                        group = parquet.read_row_group(index, columns=["image.bytes"])
                        column = group["image"].combine_chunks().field("bytes")
                        found |= {row: column[row - start].as_py() for row in here}
                    start += length
        return found


def _read_preprocessing(file: Path, schema: pa.Schema) -> Preprocessing:
    try:
        content = json.loads(schema.metadata[b"preprocessing"])
        return Preprocessing(**content | {"image_size": tuple(content["image_size"])})
    except KeyError:
        raise StageError(
            f"Expected {file} to tell how its images were resized. Received: a file of an earlier "
            "release. Run `dvc repro split`."
        ) from None


class Sampling(NamedTuple):
    """What one epoch of training visits.

    Attributes:
        rows: int64 (n_samples,), rows of data/dataset/train, repeats included.
        occurrences: int64 (n_samples,), how often each row came before.
        weights: float32 (n_samples,), of each sample's loss.
    """

    rows: np.ndarray
    occurrences: np.ndarray
    weights: np.ndarray

    @classmethod
    def plain(cls, n: int) -> "Sampling":
        """Each of n rows once, all of the same weight."""
        return cls(np.arange(n), np.zeros(n, np.int64), np.ones(n, np.float32))


def write_sampling(path: Path, sampling: Sampling) -> None:
    """Writes the rows that one epoch of training visits."""
    columns = dict(zip(SAMPLING.names, sampling, strict=True))
    _write_parquet(path, pd.DataFrame(columns), SAMPLING)


def read_sampling(path: Path) -> Sampling:
    """Reads what `write_sampling` wrote."""
    frame = _read_parquet(path, SAMPLING)
    return Sampling(*(frame[name].to_numpy() for name in SAMPLING.names))


def write_history(path: Path, rows: list[dict]) -> None:
    """Writes one row per epoch; the columns of HISTORY_FIRST_COLUMNS come first."""
    _write_csv(path, _ordered(pd.DataFrame(rows), HISTORY_FIRST_COLUMNS))


def read_history(path: Path) -> pd.DataFrame:
    """The history of a training, a row for each epoch; numbers but for the column `phase`."""
    frame = _read_csv(path, HISTORY_FIRST_COLUMNS)
    numbers = [name for name in frame.columns if name != "phase"]
    return frame.astype(dict.fromkeys(numbers, float)).astype({"epoch": int})


class Predictions(NamedTuple):
    """One split's predictions, in its order.

    Attributes:
        class_names: in the order of the label index.
        image_id: object (n,).
        path: object (n,), relative to data/raw.
        label: int64 (n,), index into class_names.
        probabilities: float64 (n, n_classes), with the six decimals of the file.
    """

    class_names: list[str]
    image_id: np.ndarray
    path: np.ndarray
    label: np.ndarray
    probabilities: np.ndarray

    @property
    def n(self) -> int:
        """Number of images."""
        return len(self.label)


def write_predictions(
    path: Path,
    dataset: Dataset | Predictions,
    probabilities: np.ndarray,
) -> None:
    """Writes one row per image of `dataset`, in its order.

    Args:
        path: the CSV.
        dataset: the split that was predicted.
        probabilities: float (n, n_classes), rows sum to 1.
    """
    names = dataset.class_names
    if probabilities.shape != (dataset.n, len(names)):
        raise ValueError(
            f"Expected probabilities of shape {(dataset.n, len(names))}. "
            f"Received: {probabilities.shape}"
        )
    columns = {
        "image_id": dataset.image_id,
        "path": dataset.path,
        "label": np.array(names, dtype=object)[dataset.label],
        "predicted": np.array(names, dtype=object)[probabilities.argmax(axis=1)],
    }
    columns |= {f"p_{name}": probabilities[:, i].astype(float) for i, name in enumerate(names)}
    _write_csv(path, pd.DataFrame(columns), float_format="%.6f")


def read_predictions(path: Path, class_names: list[str]) -> pd.DataFrame:
    """The predictions of one split, with one `p_<class>` column per class name."""
    frame = _read_csv(path, PREDICTION_COLUMNS + [f"p_{name}" for name in class_names])
    numbers = {f"p_{name}": float for name in class_names}
    return frame.astype(numbers)


def read_own_predictions(source: Path | BinaryIO, name: str) -> Predictions:
    """The predictions of one split, with the classes that the file itself names.

    Args:
        source: what `write_predictions` wrote, as a path or opened.
        name: of the file, for messages.

    Raises:
        StageError: it is no such table.
    """
    try:
        frame = _read_csv(source, PREDICTION_COLUMNS, name)
        columns = [column for column in frame.columns if column not in PREDICTION_COLUMNS]
        class_names = [column.removeprefix("p_") for column in columns]
        probabilities = frame[columns].to_numpy(float)
        label = frame["label"].map({name: i for i, name in enumerate(class_names)})
        if frame.empty or label.isna().any():
            raise ValueError(f"labels {sorted(set(frame['label']))} of classes {class_names}")
    except ValueError as error:  # of our own, of pandas for what is no CSV, of float()
        raise StageError(
            f"Expected predictions in {name}: pictures, their labels, and the probability of "
            f"each class. Received: {error}"
        ) from None
    known = (frame[column].to_numpy(object) for column in ("image_id", "path"))
    return Predictions(class_names, *known, label.to_numpy(np.int64), probabilities)


def read_checked_predictions(path: Path, split: Dataset) -> Predictions:
    """The predictions of a split, after making sure that each of its images is there once.

    Raises:
        StageError: they are of other images.
    """
    found = read_own_predictions(path, str(path))
    same = found.class_names == split.class_names and found.n == split.n
    if not same or (found.image_id != split.image_id).any() or (found.label != split.label).any():
        raise StageError(
            f"Expected {path} to hold each picture of {split.files[0].parent} once, in its order. "
            "Received: other pictures, labels or classes. Run `dvc repro predict`."
        )
    return found


def write_listing(path: Path, rows: pd.DataFrame, columns: list[str]) -> None:
    """Writes images to act on, in the order of `rows`, with four decimals."""
    _check_columns("the rows to be written", list(rows.columns), columns)
    _write_csv(path, rows[columns], float_format="%.4f")


def write_plot_data(path: Path, rows: pd.DataFrame) -> None:
    """Writes the CSV behind a DVC plot, with six decimals."""
    _write_csv(path, rows, float_format="%.6f")


def _ordered(frame: pd.DataFrame, first: list[str]) -> pd.DataFrame:
    _check_columns("the rows to be written", list(frame.columns), first)
    return frame[first + [name for name in frame.columns if name not in first]]


def _chunks(rows: Iterable[dict], size: int) -> Iterator[list[dict]]:
    chunk: list[dict] = []
    for row in rows:
        chunk.append(row)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _write_parquet(path: Path, frame: pd.DataFrame, schema: pa.Schema) -> None:
    table = pa.Table.from_pandas(frame, schema=schema, preserve_index=False)
    # pandas' own metadata hold the library's version: other bytes after every upgrade.
    with atomic_file(path) as temporary:
        pq.write_table(table.replace_schema_metadata(None), temporary)


def _read_parquet(path: Path, schema: pa.Schema) -> pd.DataFrame:
    names = pq.read_schema(path).names
    _check_columns(path, names, schema.names)
    return pq.read_table(path, columns=schema.names).cast(schema).to_pandas()


def _write_csv(path: Path, frame: pd.DataFrame, float_format: str | None = None) -> None:
    with atomic_file(path) as temporary:
        frame.to_csv(temporary, index=False, lineterminator="\n", float_format=float_format)


def _read_csv(source: Path | BinaryIO, columns: list[str], name: str | None = None) -> pd.DataFrame:
    # Text throughout: a class called 007, NA or 1e5 keeps its name.
    frame = pd.read_csv(source, dtype=str, keep_default_na=False)
    _check_columns(name or source, list(frame.columns), columns)
    return frame


def _check_columns(path, received: list[str], expected: list[str]) -> None:
    missing = [name for name in expected if name not in received]
    if missing:
        raise StageError(
            f"Expected {path} to have the columns {', '.join(expected)}. Received: "
            f"{', '.join(received)} ({', '.join(missing)} missing). Rebuild it with `dvc repro`."
        )
