"""Optimizers: single steps by hand, rates by weight, averages of weights."""

import keras
import numpy as np
import pytest

from stages.train.optimizers import build_optimizer
from tests.helpers.training_sets import TRAIN


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


@pytest.mark.parametrize(("optimizer", "decay"), [("sgd", 0.0), ("sgd", 0.1), ("adamw", 0.1)])
def test_factors_scale_the_step_and_the_weight_decay(optimizer, decay):
    """One step from 1 with gradient 2: SGD goes 1.9 lr 2, Adam lr; decay takes lr decay before."""
    whole, half = keras.Variable(1.0, name="same"), keras.Variable(1.0, name="same")
    settings = TRAIN.model_copy(
        update={"optimizer": optimizer, "learning_rate": 0.1, "weight_decay": decay}
    )
    built = build_optimizer(settings, 10, {id(half): 0.5})
    built.build([whole, half])
    built.apply([np.float32(2.0), np.float32(2.0)], [whole, half])
    for variable, rate in ((whole, 0.1), (half, 0.05)):
        step = 1.9 * rate * 2 if optimizer == "sgd" else rate
        expected = 1 - rate * decay - step
        assert float(variable.numpy()) == pytest.approx(expected, rel=1e-4)
