"""Results of the other stages, read from the files that they left."""

import dataclasses
from pathlib import Path

import pandas as pd

from common.errors import StageError
from common.files import read_json
from common.schema import Data
from common.sources import SOURCES

MODEL_DESCRIPTION = "classifier.json"  # in the folder of the model
LABEL_ERRORS = "label_errors.csv"  # in the folder of the diagnosis


@dataclasses.dataclass(frozen=True)
class Results:
    """What the page and the model card are made from.

    Attributes:
        metrics: content of each metrics file, by the name of its stage.
        model: the model's own description.
        rejected: CSV of the files that clean dropped.
        evaluation, diagnosis: folders of CSVs; None where they were not made.
        label_errors: number of likely ones; None where they were not looked for.
    """

    metrics: dict[str, dict]
    model: dict
    rejected: Path
    evaluation: Path | None = None
    diagnosis: Path | None = None
    label_errors: int | None = None

    def of(self, stage: str) -> dict:
        """A stage's metrics; empty without them."""
        return self.metrics.get(stage, {})


def read_metrics(folder: Path) -> dict[str, dict]:
    """Content of each metrics file, by the name of its stage.

    Raises:
        StageError: there is none, or one is no JSON.
    """
    metrics = {}
    for path in sorted(folder.glob("*.json")):
        try:
            metrics[path.stem] = read_json(path)
        except ValueError as error:
            raise StageError(
                f"Expected JSON in {path}. Received: {error}. Run `dvc repro {path.stem}`."
            ) from None
    if not metrics:
        raise StageError(f"Expected metrics in {folder}. Received: none. Run `dvc repro`.")
    return metrics


def count_label_errors(diagnosis: Path | None) -> int | None:
    """Rows of the diagnosis's list of likely label errors; None without the list."""
    path = diagnosis / LABEL_ERRORS if diagnosis else None
    if path is None or not path.is_file():
        return None
    return len(pd.read_csv(path, dtype=str))


def data_name(data: Data) -> str:
    """A short name of the images that the model was trained on."""
    words = SOURCES.get(data.source, data.source)
    return (Path(data.path).stem or words) if data.source == "path" else words


def read_results(
    metrics: Path, model: Path, rejected: Path, evaluation: Path | None, diagnosis: Path | None
) -> Results:
    """Reads the metrics and the model's description; the CSVs are read where they are shown.

    Args:
        metrics, model: folders.
        rejected, evaluation, diagnosis: as in `Results`.

    Raises:
        StageError: there are no metrics, or a file is no JSON.
    """
    return Results(
        metrics=read_metrics(metrics),
        model=read_json(model / MODEL_DESCRIPTION),
        rejected=rejected,
        evaluation=evaluation,
        diagnosis=diagnosis,
        label_errors=count_label_errors(diagnosis),
    )
