"""Optimizers and their learning rates over the steps of a training."""

import keras

from common.schema import Train

Rate = float | keras.optimizers.schedules.LearningRateSchedule


def build_rate(train: Train, steps: int) -> Rate:
    """The learning rate as a function of the step, or a number where no function rules it.

    Args:
        train: the section train of params.yaml.
        steps: batches per epoch.

    Returns:
        With r for `learning_rate`, N for all steps of all epochs and t for the steps done:
        constant and plateau (which a callback lowers): r; cosine, with w steps of warm-up:
        r t / w before w, then r (1 + cos(pi (t - w) / (N - w))) / 2 (Loshchilov and Hutter 2017,
        without restarts; https://arxiv.org/abs/1608.03983); polynomial, down to e:
        e + (r - e) (1 - t / N)^decay_power; exponential: r decay_rate^(t / steps).
    """
    rate, total = train.learning_rate, train.epochs * steps
    schedules = keras.optimizers.schedules
    if train.schedule == "cosine":
        warmup = train.rise_epochs * steps
        if not warmup:
            return schedules.CosineDecay(rate, total)
        return schedules.CosineDecay(0.0, total - warmup, warmup_target=rate, warmup_steps=warmup)
    if train.schedule == "polynomial":
        return schedules.PolynomialDecay(rate, total, train.end_learning_rate, train.decay_power)
    if train.schedule == "exponential":
        return schedules.ExponentialDecay(rate, steps, train.decay_rate)
    return rate


def build_optimizer(
    train: Train, steps: int, factors: dict[int, float] | None = None
) -> keras.optimizers.Optimizer:
    """The optimizer with its schedule.

    Weight decay is decoupled from the gradient (Loshchilov and Hutter 2019,
    https://arxiv.org/abs/1711.05101): a step also subtracts rate x weight_decay x weight, for
    every weight that is trained. Lion is that of Chen et al. 2023
    (https://arxiv.org/abs/2302.06675), with their betas, .9 and .99.

    Args:
        train: the section train of params.yaml.
        steps: batches per epoch.
        factors: on the learning rate, by `id` of the weight; 1 for those that are not in it.
    """
    options = {"learning_rate": build_rate(train, steps)}
    if train.ema:
        options |= {"use_ema": True, "ema_momentum": train.ema}
    if train.optimizer == "sgd":
        options |= {"momentum": 0.9, "nesterov": True}
    if train.optimizer != "adam" and train.weight_decay is not None:
        options["weight_decay"] = train.weight_decay
    kinds = {
        "adam": keras.optimizers.Adam,
        "adamw": keras.optimizers.AdamW,
        "sgd": keras.optimizers.SGD,
        "lion": keras.optimizers.Lion,
    }
    kind = kinds[train.optimizer]
    if factors and set(factors.values()) != {1.0}:
        return _with_factors(kind, factors)(**options)
    return kind(**options)


def _with_factors(
    kind: type[keras.optimizers.Optimizer], factors: dict[int, float]
) -> type[keras.optimizers.Optimizer]:
    """An optimizer whose learning rate differs by weight, for its weight decay too.

    Scaling gradients instead would do nothing: Adam's steps do not depend on their size.
    """

    class Scaled(kind):
        def __init__(self, **options):
            super().__init__(**options)
            # Keras takes it off at the full rate; below it is taken off at the weight's own.
            self._share, self.weight_decay = self.weight_decay, None

        def build(self, variables):
            super().build(variables)
            self._scales = [factors.get(id(variable), 1.0) for variable in variables]

        def update_step(self, gradient, variable, learning_rate):
            # TensorFlow's own variable comes here, not the one that Keras made.
            rate = learning_rate * self._scales[self._get_variable_index(variable)]
            if self._share:
                share = keras.ops.cast(rate * self._share, variable.dtype)
                self.assign_sub(variable, share * variable)
            super().update_step(gradient, variable, rate)

    return Scaled
