"""What is searched: settings of the head and of its training, as Optuna's suggestions.

Every suggestion is one that params.yaml takes. A setting that has no effect beside another (the
activation without a hidden layer, say) is not asked for there, which Optuna calls a conditional
space: its sampler then learns about each branch from trials of that branch alone.
"""

import json
from typing import Any

import optuna

from common.params import Params

# Usual learning rates; the search goes from a tenth to ten times of it.
RATES = {"adam": 1e-3, "adamw": 1e-3, "sgd": 1e-2, "lion": 2e-4}
SPAN = 10.0
ADAMW_DECAY = 0.004  # what train.weight_decay: null means there


class Suggestions:
    """Asks a trial for settings, in ranges that are stretched to hold those of today."""

    def __init__(self, trial: optuna.trial.BaseTrial, today: dict[str, Any]):
        """Args:
        trial: is asked.
        today: by Optuna's name, what `encode` says of today's settings.
        """
        self.trial, self.today = trial, today

    def one_of(self, name: str, choices: list) -> Any:
        """One of the choices; today's is added to them."""
        today = self.today.get(name, choices[0])
        return self.trial.suggest_categorical(
            name, choices if today in choices else [*choices, today]
        )

    def number(self, name: str, low: float, high: float, log: bool = False) -> float:
        """A number with three digits, or exactly today's."""
        today = self.today.get(name, low)
        low, high = min(low, today), max(high, today)
        found = self.trial.suggest_float(name, low, high, log=log)
        return found if found == today else min(max(float(f"{found:.3g}"), low), high)

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
    today["model.head.l2 used"] = head.l2 > 0
    if head.l2:
        today["model.head.l2"] = head.l2
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
    for name, value in settings.items():
        *parents, last = name.split(".")
        section = content
        for parent in parents:
            section = section[parent]
        section[last] = value
    return Params.model_validate(content)


def changes(params: Params, settings: dict[str, Any]) -> dict[str, Any]:
    """Those of the settings that are not today's."""
    content = params.model_dump()
    changed = {}
    for name, value in settings.items():
        today: Any = content
        for part in name.split("."):
            today = today[part]
        if today != value:
            changed[name] = value
    return changed


def _head(ask: Suggestions, params: Params) -> dict[str, Any]:
    found = {}
    if params.oversample.method != "smote":  # which needs the mean over positions
        names = ["none", "se", "spatial", "cbam", "pool", "mha"]
        found["model.attention"] = ask.one_of("model.attention", names)
        if found["model.attention"] != "pool":
            poolings = ["avg", "max", "avgmax", "gem"]
            found["model.head.pooling"] = ask.one_of("model.head.pooling", poolings)
    found["model.head.noise"] = ask.number("model.head.noise", 0.0, 0.3)
    found["model.head.norm"] = ask.one_of("model.head.norm", [False, True])
    found["model.head.dropout"] = ask.number("model.head.dropout", 0.0, 0.7)
    found["model.head.units"] = ask.one_of("model.head.units", [0, 64, 128, 256, 512])
    if found["model.head.units"]:
        found["model.head.activation"] = ask.one_of(
            "model.head.activation", ["relu", "gelu", "tanh", "silu"]
        )
    found["model.head.l2"] = 0.0
    if ask.one_of("model.head.l2 used", [False, True]):
        found["model.head.l2"] = ask.number("model.head.l2", 1e-6, 1e-2, log=True)
    return found


def _training(ask: Suggestions, params: Params) -> dict[str, Any]:
    train = params.train
    found = {
        "train.batch_size": ask.one_of("train.batch_size", [16, 32, 64, 128]),
        "train.label_smoothing": ask.number("train.label_smoothing", 0.0, 0.2),
        "train.ema": ask.one_of("train.ema", [0.0, 0.95, 0.98]),
        "train.optimizer": ask.one_of("train.optimizer", list(RATES)),
    }
    usual = RATES[found["train.optimizer"]]
    # As a factor, so that what is learned of one optimizer helps with the others.
    factor = ask.number("train.learning_rate factor", 1 / SPAN, SPAN, log=True)
    rate = float(f"{usual * factor:.3g}")
    if (found["train.optimizer"], factor) == (
        train.optimizer,
        ask.today["train.learning_rate factor"],
    ):
        rate = train.learning_rate
    found["train.learning_rate"] = rate
    if found["train.optimizer"] == "adamw":
        decay = ask.number("train.weight_decay", 0.0, 0.05)
        found["train.weight_decay"] = decay
        if train.weight_decay is None and decay == ADAMW_DECAY:
            found["train.weight_decay"] = None
    names = ["constant", "cosine", "polynomial", "exponential"]
    if train.patience > 2:  # else nothing is left of a plateau before the training ends
        names.append("plateau")
    schedule = found["train.schedule"] = ask.one_of("train.schedule", names)
    if schedule == "cosine":
        most = min(4, train.epochs - 1)
        found["train.rise_epochs"] = ask.count("train.rise_epochs", 0, most)
    elif schedule == "polynomial":
        found["train.decay_power"] = ask.number("train.decay_power", 0.5, 3.0)
        found["train.end_learning_rate"] = min(train.end_learning_rate, rate)
    elif schedule == "exponential":
        found["train.decay_rate"] = ask.number("train.decay_rate", 0.7, 0.99)
    elif schedule == "plateau":
        most = min(6, train.patience - 1)
        found["train.plateau_patience"] = ask.count("train.plateau_patience", 1, most)
        found["train.plateau_factor"] = ask.number("train.plateau_factor", 0.1, 0.7)
    return found
