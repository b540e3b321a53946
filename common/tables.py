"""All of common/contracts under one name."""

from common.contracts.dataset import (
    DATASET_FIELDS,
    SPLITS,
    Dataset,
    Preprocessing,
    dataset_schema,
    write_dataset,
)
from common.contracts.history import HISTORY_FIRST_COLUMNS, read_history, write_history
from common.contracts.listings import (
    LABEL_ERROR_COLUMNS,
    REVIEW_COLUMNS,
    write_listing,
    write_plot_data,
)
from common.contracts.manifest import FLAGS, MANIFEST, MEASURES, read_manifest, write_manifest
from common.contracts.predictions import (
    PREDICTION_COLUMNS,
    Predictions,
    parse_predictions,
    read_checked_predictions,
    read_predictions,
    write_predictions,
)
from common.contracts.rejected import REJECTED_COLUMNS, read_rejected, write_rejected
from common.contracts.sampling import SAMPLING, Sampling, read_sampling, write_sampling

__all__ = [
    "DATASET_FIELDS",
    "FLAGS",
    "HISTORY_FIRST_COLUMNS",
    "LABEL_ERROR_COLUMNS",
    "MANIFEST",
    "MEASURES",
    "PREDICTION_COLUMNS",
    "REJECTED_COLUMNS",
    "REVIEW_COLUMNS",
    "SAMPLING",
    "SPLITS",
    "Dataset",
    "Predictions",
    "Preprocessing",
    "Sampling",
    "dataset_schema",
    "parse_predictions",
    "read_checked_predictions",
    "read_history",
    "read_manifest",
    "read_predictions",
    "read_rejected",
    "read_sampling",
    "write_dataset",
    "write_history",
    "write_listing",
    "write_manifest",
    "write_plot_data",
    "write_predictions",
    "write_rejected",
    "write_sampling",
]

JUDGED_COLUMNS, read_own_predictions = REVIEW_COLUMNS, parse_predictions  # earlier names
