"""Scores and gains of ensembles, by hand."""

import numpy as np
import pytest

from common.tables.predictions import Predictions
from stages.ensemble.plots import rows_of
from stages.ensemble.revisions import Member
from stages.ensemble.scores import (
    ensemble_scores,
    gain,
    member_scores,
    scores_of,
)


def of_truth(*chosen):
    """Probabilities of two classes, by what class 0 is given."""
    return np.array([[p, 1 - p] for p in chosen])


TRUTH = np.array([0, 0, 0, 1])
BEFORE = of_truth(0.9, 0.4, 0.4, 0.4)
AFTER = of_truth(0.4, 0.6, 0.6, 0.4)


def test_a_gain_is_counted_in_images():
    gained = gain(TRUTH, BEFORE, AFTER)
    assert (gained["wrong_to_right"], gained["right_to_wrong"]) == (2, 1)
    assert gained["accuracy"] == pytest.approx(0.25)
    losses = (np.log([0.9, 0.4, 0.4, 0.6]).mean(), np.log([0.4, 0.6, 0.6, 0.6]).mean())
    assert gained["loss_decrease"] == pytest.approx(losses[1] - losses[0])
    assert scores_of(TRUTH, BEFORE)["accuracy"] == 0.5
    assert scores_of(TRUTH, BEFORE)["n_examples"] == 4


def test_an_ensemble_is_scored_in_each_split():
    scores = ensemble_scores({"val": TRUTH}, {"val": AFTER}, {"val": BEFORE})
    assert scores == {"val": scores_of(TRUTH, AFTER) | {"gain": gain(TRUTH, BEFORE, AFTER)}}


def test_members_have_their_commit_weight_and_scores():
    names = np.array(list("wxyz"), object)
    predictions = Predictions(["a", "b"], names, names, TRUTH, BEFORE)
    member = Member("exp", "c0ffee", {"val": predictions})
    metrics = member_scores([member], {"exp": 0.25}, {"val": TRUTH})
    assert metrics == {"exp": {"commit": "c0ffee", "weight": 0.25, "val": scores_of(TRUTH, BEFORE)}}


def test_the_plot_has_the_best_member_first_and_the_ensembles_last():
    members = {
        "worse": {"weight": 0.25, "val": {"loss": 0.5}},
        "better": {"weight": 0.75, "val": {"loss": 0.4}},
    }
    rows = rows_of(members, {"average": {}, "greedy": {}})
    assert [row.name for row in rows] == [
        *("better (0.75)", "worse (0.25)", "average of all", "greedy")
    ]
    assert [row.together for row in rows] == [False, False, True, True]
