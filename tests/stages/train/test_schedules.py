"""Learning rates at steps worked by hand, and single steps of the optimizers."""

import keras
import numpy as np
import pytest

from networks.heads import build_head
from stages.train.fitting import fit
from stages.train.schedules import build_optimizer, build_rate
from tests.helpers.training_sets import PLAIN, TRAIN, batches_of, separable


def rates_at(steps, **changes):
    """Rates of 10 epochs of 10 steps from 0.02."""
    rate = build_rate(TRAIN.model_copy(update={"epochs": 10} | changes), 10)
    return [float(rate(step)) for step in steps]


def test_cosine_ends_at_zero():
    found = rates_at([0, 25, 50, 100, 120], schedule="cosine")
    quarter = 0.01 * (1 + np.sqrt(0.5))
    assert found == pytest.approx([0.02, quarter, 0.01, 0, 0], abs=1e-8)


def test_warmup_rises_from_zero_and_leaves_the_rest_to_the_cosine():
    """Two epochs of ten: 20 steps up, then 80 down with the middle at step 60."""
    found = rates_at([0, 5, 10, 19, 20, 60, 100], schedule="cosine", rise_epochs=2)
    assert found == pytest.approx([0, 0.005, 0.01, 0.019, 0.02, 0.01, 0], abs=1e-8)


def test_polynomial_ends_at_the_end_learning_rate():
    line = {"schedule": "polynomial", "end_learning_rate": 0.004}
    found = rates_at([0, 25, 50, 100, 120], **line)
    assert found == pytest.approx([0.02, 0.016, 0.012, 0.004, 0.004], abs=1e-8)
    found = rates_at([0, 50, 75, 100], decay_power=2.0, **line)
    assert found == pytest.approx([0.02, 0.008, 0.005, 0.004], abs=1e-8)


def test_exponential_falls_by_its_rate_every_epoch():
    found = rates_at([0, 5, 10, 20, 30], schedule="exponential", decay_rate=0.25)
    assert found == pytest.approx([0.02, 0.01, 0.005, 0.00125, 0.0003125], rel=1e-6)


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
    found = [row["learning_rate"] for row in history]
    assert found == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize("schedule", ["constant", "plateau"])
def test_other_schedules_are_a_number_that_callbacks_may_change(schedule):
    optimizer = build_optimizer(TRAIN.model_copy(update={"schedule": schedule}), 10)
    assert float(optimizer.learning_rate) == pytest.approx(0.02)
    optimizer.learning_rate = 0.01
    assert float(optimizer.learning_rate) == pytest.approx(0.01)


@pytest.mark.parametrize(
    ("name", "decay", "step"),
    [
        # The first step of a weight 2 with gradient 3 at rate 0.1, after decay of 0.1 decay 2.
        ("adam", None, 0.1),  # adam's first step is the rate
        ("adamw", None, 0.1 + 0.1 * 0.004 * 2),  # Keras's own decay
        ("adamw", 0.5, 0.1 + 0.1 * 0.5 * 2),
        ("adamw", 0.0, 0.1),
        ("sgd", None, 0.1 * 3 * 1.9),  # Nesterov: velocity 0.3, looked ahead by 0.9 of it
        ("sgd", 0.5, 0.1 * 3 * 1.9 + 0.1),
        ("lion", None, 0.1),  # the sign of the gradient
        ("lion", 0.5, 0.1 + 0.1),
    ],
)
def test_the_first_step_by_hand(name, decay, step):
    settings = {"optimizer": name, "weight_decay": decay, "learning_rate": 0.1}
    optimizer = build_optimizer(TRAIN.model_copy(update=settings), 10)
    assert type(optimizer).__name__.lower() == name
    weight = keras.Variable([2.0])
    optimizer.apply([keras.ops.array([3.0])], [weight])
    assert float(weight.numpy()[0]) == pytest.approx(2 - step, rel=1e-5)


def test_the_average_of_weights_by_hand():
    """SGD at rate 0.1 / 1.9 with gradients 1, 0: the weight goes 2, 1.9, 1.9 - 0.81 / 19."""
    settings = {"optimizer": "sgd", "learning_rate": 0.1 / 1.9, "ema": 0.75}
    optimizer = build_optimizer(TRAIN.model_copy(update=settings), 10)
    weight = keras.Variable([2.0])
    averages = []
    for gradient in (1.0, 0.0):
        optimizer.apply([keras.ops.array([gradient])], [weight])
        averages.append(float(optimizer._model_variables_moving_average[0].numpy()[0]))
    # The average begins with the first step's weight; the velocity 0.1 / 1.9 shrinks to 0.9 of it
    # and is looked ahead to 0.81.
    second = 1.9 - 0.081 / 1.9
    assert averages == pytest.approx([1.9, 0.75 * 1.9 + 0.25 * second], rel=1e-6)
