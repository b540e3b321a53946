"""Settings: dotted parameter names and their values, as people type them and as DVC takes them.

DVC reads `-S NAME=VALUE` by the grammar of Hydra's overrides
(https://hydra.cc/docs/advanced/override_grammar/basic/), which is not YAML: a bare comma is a
sweep, a bare equals sign an error, and only quotes keep a text a text.
"""

import re
from copy import deepcopy
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from common.errors import StageError

Scalar = None | bool | int | float | str
Value = Scalar | list[Scalar]

# Texts that need no quotes: they hold no sign of the grammar's, and are no number.
PLAIN = re.compile(r"[A-Za-z_][\w./-]*", re.ASCII)
WORDS = {"null", "true", "false", "inf", "nan"}  # ... nor one of its words


def flatten(content: dict, prefix: str = "") -> dict[str, Any]:
    """Dotted parameter names and their values."""
    flat = {}
    for name, value in content.items():
        inner = flatten(value, f"{prefix}{name}.") if isinstance(value, dict) else None
        flat |= {f"{prefix}{name}": value} if inner is None else inner
    return flat


def apply_settings(content: dict, settings: dict[str, Value]) -> dict:
    """A copy of params.yaml's content with the settings in it; unknown names are added."""
    changed = deepcopy(content)
    for name, value in settings.items():
        *parents, last = name.split(".")
        section = changed
        for parent in parents:
            inner = section.get(parent)
            section[parent] = inner if isinstance(inner, dict) else {}
            section = section[parent]
        section[last] = value
    return changed


def parse_settings(words: list[str]) -> dict[str, Value]:
    """Settings from words like `model.backbone=[vgg16,vgg19]`; values are YAML.

    Raises:
        StageError: a word that is no setting.
    """
    settings = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals or not name:
            raise StageError(
                f"Expected settings like train.epochs=1, separated by blanks. Received: {word!r}."
            )
        try:
            settings[name] = YAML(typ="safe", pure=True).load(text)
        except YAMLError as error:
            problem = " ".join(str(getattr(error, "problem", None) or error).split())
            raise StageError(
                f"Expected a value for {name} as params.yaml could hold it. Received: {text!r} "
                f"({problem}). Quote it: {name}='\"...\"'."
            ) from None
    return settings


def override(name: str, value: Value) -> str:
    """`NAME=VALUE` for `-S`, such that the parameter gets exactly this value.

    Raises:
        StageError: a text with `${`, which DVC replaces before any stage sees it.
    """
    return f"{name}={_written(name, value)}"


def _written(name: str, value: Value) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{','.join(_written(name, item) for item in value)}]"
    if not isinstance(value, str):
        return repr(value)
    if "${" in value:
        raise StageError(
            f"Expected {name} without ${{, which `dvc exp run -S` takes for a reference to another "
            f"parameter. Received: {value!r}. Write it into params.yaml instead."
        )
    if PLAIN.fullmatch(value) and value.lower() not in WORDS:
        return value
    # Inside quotes only quotes are escaped, and backslashes right before one.
    inner = re.sub(r"(\\*)('|$)", lambda m: 2 * m[1] + (r"\'" if m[2] else ""), value)
    return f"'{inner}'"


def overrides(settings: dict[str, Value]) -> list[str]:
    """The settings as words of `dvc exp run`."""
    return [word for name, value in settings.items() for word in ("-S", override(name, value))]
