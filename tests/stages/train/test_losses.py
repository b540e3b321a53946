"""Losses, by hand."""

import numpy as np
import pytest

from stages.train.losses import build_loss
from tests.helpers.training_sets import TRAIN


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, -np.log([0.5, 0.2])),
        ({"loss": "cross_entropy"}, -np.log([0.5, 0.2])),
        ({"loss": "focal", "focal_gamma": 0.0}, -np.log([0.5, 0.2])),
        ({"loss": "focal"}, [0.5**2 * -np.log(0.5), 0.8**2 * -np.log(0.2)]),
        ({"loss": "focal", "focal_gamma": 1.0}, [0.5 * -np.log(0.5), 0.8 * -np.log(0.2)]),
        (  # 0.3 spread over three classes: 0.8 for the right one, 0.1 for the others
            {"label_smoothing": 0.3},
            [
                -0.8 * np.log(0.5) - 0.1 * np.log(0.25) * 2,
                -0.8 * np.log(0.2) - 0.1 * (np.log(0.7) + np.log(0.1)),
            ],
        ),
    ],
)
def test_losses_by_hand(changes, expected):
    loss = build_loss(TRAIN.model_copy(update=changes))
    truth = np.array([[0, 1, 0], [1, 0, 0]], np.float32)
    probabilities = np.array([[0.25, 0.5, 0.25], [0.2, 0.7, 0.1]], np.float32)
    for row in range(2):
        value = float(loss(truth[row : row + 1], probabilities[row : row + 1]))
        assert value == pytest.approx(expected[row], rel=1e-5)
    assert float(loss(truth, probabilities)) == pytest.approx(np.mean(expected), rel=1e-5)
