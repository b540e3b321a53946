"""Learning-rate schedules: rates at steps, worked by hand."""

import numpy as np
import pytest

from networks.heads import build_head
from stages.train.fitting import fit
from stages.train.optimizers import build_optimizer
from stages.train.schedules import build_rate
from tests.helpers.training_sets import PLAIN, TRAIN, batches_of, separable


def rates_at(steps, **changes):
    """Rates of 10 epochs of 10 steps from 0.02."""
    rate = build_rate(TRAIN.model_copy(update={"epochs": 10} | changes), 10)
    return [float(rate(step)) for step in steps]


def test_cosine_ends_at_zero():
    rates = rates_at([0, 25, 50, 100, 120], schedule="cosine")
    quarter = 0.01 * (1 + np.sqrt(0.5))
    assert rates == pytest.approx([0.02, quarter, 0.01, 0, 0], abs=1e-8)


def test_warmup_rises_from_zero_and_leaves_the_rest_to_the_cosine():
    """Two epochs of ten: 20 steps up, then 80 down with the middle at step 60."""
    rates = rates_at([0, 5, 10, 19, 20, 60, 100], schedule="cosine", rise_epochs=2)
    assert rates == pytest.approx([0, 0.005, 0.01, 0.019, 0.02, 0.01, 0], abs=1e-8)


def test_polynomial_ends_at_the_end_learning_rate():
    line = {"schedule": "polynomial", "end_learning_rate": 0.004}
    rates = rates_at([0, 25, 50, 100, 120], **line)
    assert rates == pytest.approx([0.02, 0.016, 0.012, 0.004, 0.004], abs=1e-8)
    rates = rates_at([0, 50, 75, 100], decay_power=2.0, **line)
    assert rates == pytest.approx([0.02, 0.008, 0.005, 0.004], abs=1e-8)


def test_exponential_falls_by_its_rate_every_epoch():
    rates = rates_at([0, 5, 10, 20, 30], schedule="exponential", decay_rate=0.25)
    assert rates == pytest.approx([0.02, 0.01, 0.005, 0.00125, 0.0003125], rel=1e-6)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"schedule": "constant"}, [0.02, 0.02, 0.02, 0.02]),
        ({"schedule": "cosine"}, [0.01 * (1 + np.sqrt(0.5)), 0.01, 0.01 * (1 - np.sqrt(0.5)), 0]),
        ({"schedule": "cosine", "rise_epochs": 2}, [0.01, 0.02, 0.01, 0]),
        ({"schedule": "polynomial"}, [0.015, 0.01, 0.005, 0]),
        ({"schedule": "exponential", "decay_rate": 0.5}, [0.01, 0.005, 0.0025, 0.00125]),
    ],
)
def test_training_counts_its_steps_in_epochs(changes, expected):
    """The history holds the rate after the last step of each of 4 epochs of 8 steps."""
    train = TRAIN.model_copy(update={"epochs": 4} | changes)
    head = build_head((3, 3, 8), 2, "none", PLAIN)
    history = fit(head, train, batches_of(*separable()), batches_of(*separable(seed=1)))
    rates = [row["learning_rate"] for row in history]
    assert rates == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize("schedule", ["constant", "plateau"])
def test_other_schedules_are_a_number_that_callbacks_may_change(schedule):
    optimizer = build_optimizer(TRAIN.model_copy(update={"schedule": schedule}), 10)
    assert float(optimizer.learning_rate) == pytest.approx(0.02)
    optimizer.learning_rate = 0.01
    assert float(optimizer.learning_rate) == pytest.approx(0.01)
