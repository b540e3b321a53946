"""Random numbers by seed and name."""

import random

import keras
import numpy as np
import pytest

from networks.runtime import seeded, set_seed


@pytest.fixture(autouse=True)
def restored():
    yield
    set_seed(0)


def draws() -> list[float]:
    """A number of each of the generators that Keras and we might use."""
    return [random.random(), float(np.random.random()), float(keras.random.normal(()))]


def drawn(name: str) -> list[float]:
    with seeded(name):
        return draws()


def test_the_name_and_the_seed_decide_and_nothing_before():
    set_seed(1)
    first, second = drawn("a"), drawn("b")
    draws()
    assert drawn("a") == first
    assert all(left != right for left, right in zip(first, second, strict=True))
    set_seed(2)
    assert all(left != right for left, right in zip(first, drawn("a"), strict=True))


def test_afterwards_the_generators_are_in_one_state_whatever_was_drawn():
    set_seed(1)
    drawn("a")
    after = draws()
    with pytest.raises(KeyError), seeded("b"):
        draws()
        raise KeyError
    assert draws() == after
    set_seed(2)
    drawn("a")
    assert draws() != after


def test_it_decorates_each_call():
    set_seed(1)
    build = seeded("a")(draws)
    assert build() == build() == drawn("a")
