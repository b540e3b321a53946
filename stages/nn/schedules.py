"""Optimizers and their learning rates over the steps of a training."""

import keras

from stages.common.sections import Train

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


def build_optimizer(train: Train, steps: int) -> keras.optimizers.Optimizer:
    """The optimizer with its schedule.

    Weight decay is decoupled from the gradient (Loshchilov and Hutter 2019,
    https://arxiv.org/abs/1711.05101): a step also subtracts rate x weight_decay x weight, for
    every weight that is trained. Lion is that of Chen et al. 2023
    (https://arxiv.org/abs/2302.06675), with their betas, .9 and .99.

    Args:
        train: the section train of params.yaml.
        steps: batches per epoch.
    """
    options = {"learning_rate": build_rate(train, steps)}
    if train.ema:
        options |= {"use_ema": True, "ema_momentum": train.ema}
    if train.optimizer == "adam":
        return keras.optimizers.Adam(**options)
    if train.weight_decay is not None:
        options["weight_decay"] = train.weight_decay
    if train.optimizer == "sgd":
        return keras.optimizers.SGD(momentum=0.9, nesterov=True, **options)
    kinds = {"adamw": keras.optimizers.AdamW, "lion": keras.optimizers.Lion}
    return kinds[train.optimizer](**options)
