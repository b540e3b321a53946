"""The metrics and words of an ensemble, by hand."""

import numpy as np

from stages.ensemble.summary import metrics_of, summary_of


def test_the_metrics_and_the_closing_line():
    gained = {"accuracy": 0.025, "wrong_to_right": 3, "right_to_wrong": 2}
    ensembles = {"greedy": {"test": {"accuracy": 0.925, "gain": gained}}, "average": {}}
    members = {"exp": {"weight": 0.5}, "main": {"weight": 0.5}}
    metrics = metrics_of("exp", members, ensembles)
    assert metrics == {"best_on_val": "exp", "members": members, **ensembles}
    assert summary_of(metrics, np.array([0.5, 0.0, 0.5])) == (
        "3 members, 2 with a weight; test accuracy 0.9250, +0.0250 over exp "
        "(3 images turn right, 2 wrong)"
    )
