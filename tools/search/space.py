"""Space of the search: settings of the head and of its training, as Optuna's suggestions.

Every suggestion is one that params.yaml takes. A setting that has no effect beside another (the
activation without a hidden layer, say) is not asked for there, which Optuna calls a conditional
space: its sampler then learns about each branch from trials of that branch alone.
"""

import json
from typing import Any, get_args

import optuna

from common.params import Params
from common.schema import Head, Model, Section, Train
from tools.settings import apply_settings, flatten


def choices_of(section: type[Section], name: str) -> list[str]:
    """The choices that params.yaml has for a parameter, in their order there."""
    return list(get_args(section.model_fields[name].annotation))


# By Optuna's name: that of the parameter, but for "l2 kind", whether the penalty is auto, a number
# above 0, or none.
CHOICES: dict[str, list] = {
    "model.attention": choices_of(Model, "attention"),
    "model.head.pooling": choices_of(Head, "pooling"),
    "model.head.start": choices_of(Head, "start"),
    "model.head.norm": choices_of(Head, "norm"),
    "model.head.units": [0, 64, 128, 256, 512],
    "model.head.activation": choices_of(Head, "activation"),
    "model.head.l2 kind": ["auto", "number", "none"],
    "train.batch_size": [16, 32, 64, 128],
    "train.ema": [0.0, 0.95, 0.98],
    "train.optimizer": choices_of(Train, "optimizer"),
    "train.schedule": choices_of(Train, "schedule"),
}
# Usual learning rate of each optimizer; the search goes from a tenth to ten times of it.
RATES = {"adam": 1e-3, "adamw": 1e-3, "sgd": 1e-2, "lion": 2e-4}
SPAN = 10.0
ADAMW_DECAY = 0.004  # what train.weight_decay: null means there


class Suggestions:
    """Asks a trial for settings, in ranges that are stretched to hold those of today."""

    def __init__(self, trial: optuna.trial.BaseTrial, today: dict[str, Any]):
        """Args:
        trial: of Optuna, which suggests.
        today: today's settings by Optuna's names, from `encode`.
        """
        self.trial, self.today = trial, today

    def one_of(self, name: str, without: tuple = ()) -> Any:
        """One of CHOICES but for some; today's is added to them."""
        choices = [choice for choice in CHOICES[name] if choice not in without]
        today = self.today.get(name, choices[0])
        return self.trial.suggest_categorical(
            name, choices if today in choices else [*choices, today]
        )

    def number(self, name: str, low: float, high: float, log: bool = False) -> float:
        """A number with three digits, or exactly today's."""
        today = self.today.get(name, low)
        low, high = min(low, today), max(high, today)
        value = self.trial.suggest_float(name, low, high, log=log)
        return value if value == today else min(max(float(f"{value:.3g}"), low), high)

    def count(self, name: str, low: int, high: int) -> int:
        """A whole number."""
        today = self.today.get(name, low)
        return self.trial.suggest_int(name, min(low, today), max(high, today))


def encode(params: Params) -> dict[str, Any]:
    """Today's settings by Optuna's names, for a first trial that repeats them."""
    head, train = params.model.head, params.train
    today = {f"model.head.{name}": value for name, value in head.model_dump().items()}
    today |= {f"train.{name}": value for name, value in train.model_dump().items()}
    del today["model.head.l2"], today["train.weight_decay"], today["train.learning_rate"]
    today["model.attention"] = params.model.attention
    # As many as the cosine allows, which need not be the schedule of today.
    today["train.rise_epochs"] = min(train.rise_epochs, train.epochs - 1)
    if head.l2 == "auto":
        today["model.head.l2 kind"] = "auto"
    elif head.l2:
        today |= {"model.head.l2 kind": "number", "model.head.l2": head.l2}
    else:
        today["model.head.l2 kind"] = "none"
    if train.optimizer == "adamw":
        decay = train.weight_decay
        today["train.weight_decay"] = ADAMW_DECAY if decay is None else decay
    today["train.learning_rate factor"] = train.learning_rate / RATES[train.optimizer]
    return today


def suggest(trial: optuna.trial.BaseTrial, params: Params) -> dict[str, Any]:
    """Asks for one setting of everything that is searched.

    Args:
        trial: of Optuna.
        params: today's; what is not searched stays as it is there.

    Returns:
        Dotted names of params.yaml to values, for `change` and for `dvc exp run -S`.
    """
    today = encode(params)
    ask = Suggestions(trial, today)
    return _head(ask, params) | _training(ask, params)


def change(params: Params, settings: dict[str, Any]) -> Params:
    """The parameters with some changed, checked as if read from params.yaml."""
    content = json.loads(params.model_dump_json())
    return Params.model_validate(apply_settings(content, settings))


def changes(params: Params, settings: dict[str, Any]) -> dict[str, Any]:
    """Those of the settings that are not today's."""
    today = flatten(params.model_dump())
    return {name: value for name, value in settings.items() if today[name] != value}


def _head(ask: Suggestions, params: Params) -> dict[str, Any]:
    settings = {}
    if params.oversample.method != "smote":  # which needs the mean over positions
        settings["model.attention"] = ask.one_of("model.attention")
        if settings["model.attention"] != "pool":
            settings["model.head.pooling"] = ask.one_of("model.head.pooling")
    settings["model.head.start"] = ask.one_of("model.head.start")
    settings["model.head.noise"] = ask.number("model.head.noise", 0.0, 0.3)
    settings["model.head.norm"] = ask.one_of("model.head.norm")
    settings["model.head.dropout"] = ask.number("model.head.dropout", 0.0, 0.7)
    settings["model.head.units"] = ask.one_of("model.head.units")
    if settings["model.head.units"]:
        settings["model.head.activation"] = ask.one_of("model.head.activation")
    kind = ask.one_of("model.head.l2 kind")
    settings["model.head.l2"] = "auto" if kind == "auto" else 0.0
    if kind == "number":
        settings["model.head.l2"] = ask.number("model.head.l2", 1e-6, 1e-2, log=True)
    return settings


def _training(ask: Suggestions, params: Params) -> dict[str, Any]:
    train = params.train
    settings = {
        "train.batch_size": ask.one_of("train.batch_size"),
        "train.label_smoothing": ask.number("train.label_smoothing", 0.0, 0.2),
        "train.ema": ask.one_of("train.ema"),
        "train.optimizer": ask.one_of("train.optimizer"),
    }
    optimizer = settings["train.optimizer"]
    rate = settings["train.learning_rate"] = _learning_rate(ask, train, optimizer)
    if optimizer == "adamw":
        decay = ask.number("train.weight_decay", 0.0, 0.05)
        is_default = train.weight_decay is None and decay == ADAMW_DECAY
        settings["train.weight_decay"] = None if is_default else decay
    # With so little patience nothing is left of a plateau before the training ends.
    schedule = ask.one_of("train.schedule", without=("plateau",) if train.patience <= 2 else ())
    return settings | {"train.schedule": schedule} | _schedule(ask, train, schedule, rate)


def _learning_rate(ask: Suggestions, train: Train, optimizer: str) -> float:
    # As a factor, so that what is learned of one optimizer helps with the others.
    factor = ask.number("train.learning_rate factor", 1 / SPAN, SPAN, log=True)
    if (optimizer, factor) == (train.optimizer, ask.today["train.learning_rate factor"]):
        return train.learning_rate
    return float(f"{RATES[optimizer] * factor:.3g}")


def _schedule(ask: Suggestions, train: Train, schedule: str, rate: float) -> dict[str, Any]:
    """The settings that have an effect with this schedule alone."""
    if schedule == "cosine":
        most = min(4, train.epochs - 1)
        return {"train.rise_epochs": ask.count("train.rise_epochs", 0, most)}
    if schedule == "polynomial":
        return {
            "train.decay_power": ask.number("train.decay_power", 0.5, 3.0),
            "train.end_learning_rate": min(train.end_learning_rate, rate),
        }
    if schedule == "exponential":
        return {"train.decay_rate": ask.number("train.decay_rate", 0.7, 0.99)}
    if schedule == "plateau":
        most = min(6, train.patience - 1)
        return {
            "train.plateau_patience": ask.count("train.plateau_patience", 1, most),
            "train.plateau_factor": ask.number("train.plateau_factor", 0.1, 0.7),
        }
    return {}
