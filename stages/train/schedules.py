"""Learning-rate schedules: the rate over the steps of a training, by `train.schedule`.

With r for `learning_rate`, N for all steps of all epochs and t for the steps done.
"""

from collections.abc import Callable

import keras

from common.schema import Train

Rate = float | keras.optimizers.schedules.LearningRateSchedule


def build_rate(train: Train, steps: int) -> Rate:
    """The learning rate as a function of the step, or a number where it does not depend on it.

    Args:
        train: the section train of params.yaml.
        steps: batches per epoch.
    """
    return SCHEDULES[train.schedule](train, steps)


def constant(train: Train, steps: int) -> float:
    """R at each step; `plateau` begins so, and a callback of `fitting` lowers it."""
    return train.learning_rate


def cosine(train: Train, steps: int) -> Rate:
    """R (1 + cos(pi (t - w) / (N - w))) / 2, after a rise r t / w over the first w steps.

    w is `rise_epochs` in steps. Loshchilov and Hutter 2017, without restarts
    (https://arxiv.org/abs/1608.03983).
    """
    rate, total = train.learning_rate, train.epochs * steps
    decay = keras.optimizers.schedules.CosineDecay
    rise = train.rise_epochs * steps
    if not rise:
        return decay(rate, total)
    return decay(0.0, total - rise, warmup_target=rate, warmup_steps=rise)


def polynomial(train: Train, steps: int) -> Rate:
    """E + (r - e) (1 - t / N)^decay_power, with e for `end_learning_rate`."""
    return keras.optimizers.schedules.PolynomialDecay(
        train.learning_rate, train.epochs * steps, train.end_learning_rate, train.decay_power
    )


def exponential(train: Train, steps: int) -> Rate:
    """R decay_rate^(t / steps): lower by the factor `decay_rate` after each epoch."""
    return keras.optimizers.schedules.ExponentialDecay(train.learning_rate, steps, train.decay_rate)


SCHEDULES: dict[str, Callable[[Train, int], Rate]] = {
    "constant": constant,
    "cosine": cosine,
    "polynomial": polynomial,
    "exponential": exponential,
    "plateau": constant,
}
