"""Tables of mistakes and hits, by hand."""

import numpy as np

from common.tables.predictions import Predictions
from stages.diagnose.listings import REVIEW_COLUMNS
from stages.diagnose.predicted import confident_mistakes, predicted_rows, unsure_hits


def predictions(p_b):
    p_b = np.array(p_b)
    names = np.array([f"{i}" for i in range(len(p_b))], object)
    label = np.zeros(len(p_b), int)
    return Predictions(["a", "b"], names, names + ".jpg", label, np.c_[1 - p_b, p_b])


def test_mistakes_and_hits_in_their_order():
    rows = predicted_rows({"val": predictions([0.9, 0.2]), "test": predictions([0.6, 0.4, 0.9])})
    assert list(rows.columns) == REVIEW_COLUMNS
    mistakes = confident_mistakes(rows)
    assert mistakes[["split", "path"]].to_numpy().tolist() == [
        ["val", "0.jpg"],
        ["test", "2.jpg"],
        ["test", "0.jpg"],
    ]
    assert mistakes["p_label"].round(9).tolist() == [0.1, 0.1, 0.4]
    hits = unsure_hits(rows)
    assert hits["confidence"].tolist() == [0.6, 0.8]
    assert unsure_hits(rows, 1)["path"].tolist() == ["1.jpg"]
