import numpy as np

from common.tables.sampling import Sampling
from stages.oversample.summary import count_classes, metrics_of, summary_of


def test_numbers_by_hand():
    label = np.array([0, 1, 0, 0])  # and no image of class 2
    rows, weights = np.array([0, 1, 2, 3, 1, 1]), np.array([0.5, 1 / 3, 1], np.float32)
    counts = count_classes(label, rows, weights)
    assert counts.images.tolist() == [3, 1, 0]
    assert counts.samples.tolist() == [3, 3, 0]
    sampling = Sampling(rows, np.array([0, 0, 0, 0, 1, 2]), weights[label[rows]])
    metrics = metrics_of(sampling, counts, ["a", "b", "c"])
    assert metrics == {
        "n_pictures": 4,
        "n_samples": 6,
        "largest_occurrence": 2,
        "per_class": {
            "a": {"pictures": 3, "samples": 3, "weight": 0.5},
            "b": {"pictures": 1, "samples": 3, "weight": 0.333333},
            "c": {"pictures": 0, "samples": 0, "weight": 1.0},
        },
    }
    assert summary_of(metrics, "random") == "4 images, 6 training examples an epoch (random)"
