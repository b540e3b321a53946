"""Optimizers by `train.optimizer`, with their schedule, weight decay and rates by weight."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import keras

from common.schema import Train
from stages.train.schedules import build_rate


class Optimizer(NamedTuple):
    """A Keras optimizer and how the pipeline uses it.

    Attributes:
        kind: Keras's class.
        decays: whether `train.weight_decay` is handed on.
        options: its arguments that params.yaml does not name.
    """

    kind: type[keras.optimizers.Optimizer]
    decays: bool = True
    options: Mapping[str, Any] = MappingProxyType({})


OPTIMIZERS = {
    "adam": Optimizer(keras.optimizers.Adam, decays=False),
    "adamw": Optimizer(keras.optimizers.AdamW),
    "sgd": Optimizer(keras.optimizers.SGD, options={"momentum": 0.9, "nesterov": True}),
    # Chen et al. 2023, https://arxiv.org/abs/2302.06675, with their betas, .9 and .99.
    "lion": Optimizer(keras.optimizers.Lion),
}


def build_optimizer(
    train: Train, steps: int, factors: dict[int, float] | None = None
) -> keras.optimizers.Optimizer:
    """The optimizer with its schedule.

    Weight decay is decoupled from the gradient (Loshchilov and Hutter 2019,
    https://arxiv.org/abs/1711.05101): a step also subtracts rate x weight_decay x weight, for
    every weight that is trained.

    Args:
        train: the section train of params.yaml.
        steps: batches per epoch.
        factors: on the learning rate, by `id` of the weight; 1 for those that are not in it.
    """
    kind, decays, fixed = OPTIMIZERS[train.optimizer]
    options = {"learning_rate": build_rate(train, steps), **fixed}
    if train.ema:
        options |= {"use_ema": True, "ema_momentum": train.ema}
    if decays and train.weight_decay is not None:
        options["weight_decay"] = train.weight_decay
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
            # Keras subtracts the decay at the full rate; below it is subtracted at the weight's.
            self._decay, self.weight_decay = self.weight_decay, None

        def build(self, variables):
            super().build(variables)
            self._scales = [factors.get(id(variable), 1.0) for variable in variables]

        def update_step(self, gradient, variable, learning_rate):
            # TensorFlow's own variable comes here, not the one that Keras made.
            rate = learning_rate * self._scales[self._get_variable_index(variable)]
            if self._decay:
                decay = keras.ops.cast(rate * self._decay, variable.dtype)
                self.assign_sub(variable, decay * variable)
            super().update_step(gradient, variable, rate)

    return Scaled
