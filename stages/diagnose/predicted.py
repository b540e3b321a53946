"""Tables of predicted images: confident mistakes and unsure hits."""

import numpy as np
import pandas as pd

from common.tables.predictions import Predictions
from stages.diagnose.listings import REVIEW_COLUMNS


def predicted_rows(predictions: dict[str, Predictions]) -> pd.DataFrame:
    """A row per predicted image.

    Args:
        predictions: by split.

    Returns:
        the columns of REVIEW_COLUMNS.
    """
    parts = []
    for split, table in predictions.items():
        names = np.array(table.class_names, dtype=object)
        predicted = table.probabilities.argmax(axis=1)
        rows = np.arange(table.n)
        columns = {
            "path": table.path,
            "split": split,
            "label": names[table.label],
            "predicted": names[predicted],
            "confidence": table.probabilities[rows, predicted],
            "p_label": table.probabilities[rows, table.label],
            "image_id": table.image_id,
        }
        parts.append(pd.DataFrame(columns)[REVIEW_COLUMNS])
    return pd.concat(parts, ignore_index=True)


def confident_mistakes(predicted: pd.DataFrame) -> pd.DataFrame:
    """All mistakes, the surest first."""
    wrong = predicted[predicted["label"] != predicted["predicted"]]
    return wrong.sort_values(["confidence", "path"], ascending=[False, True])


def unsure_hits(predicted: pd.DataFrame, limit: int | None = None) -> pd.DataFrame:
    """Right predictions, the least sure first, at most `limit` where there is one."""
    right = predicted[predicted["label"] == predicted["predicted"]]
    return right.sort_values(["confidence", "path"]).head(len(right) if limit is None else limit)
