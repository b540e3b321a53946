"""Parameters: params.yaml as one typed, frozen object, checked before a stage does any work.

There are no default values here: params.yaml is their one owner. Every stage checks the whole
file, reads only its own part of it (`params.section` or `params.section.name`), and declares
exactly that part in dvc.yaml; tests/test_pipeline.py compares the two.
"""

import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from common.errors import StageError
from common.schema import (
    Augment,
    Clean,
    Compute,
    Data,
    Diagnose,
    Ensemble,
    Evaluate,
    Gradcam,
    Model,
    Oversample,
    Section,
    Split,
    Train,
)

# Parameters that earlier releases named otherwise; params.yaml of old commits and experiments.
RENAMED = {
    "diagnose.pictures": "images",
    "diagnose.label_pictures": "label_images",
    "gradcam.faithfulness_pictures": "faithfulness_images",
}

# Values that stood for others in earlier releases, by the parameter's dotted name.
FORMER_VALUES = {"model.head.norm": {True: "batch", False: "none"}}


class Params(Section):
    seed: Annotated[int, Field(ge=0, lt=2**32)]
    data: Data
    clean: Clean
    split: Split
    oversample: Oversample
    augment: Augment
    model: Model
    train: Train
    evaluate: Evaluate
    diagnose: Diagnose
    gradcam: Gradcam
    ensemble: Ensemble
    compute: Compute

    @model_validator(mode="after")
    def _smote_needs_average_pooling(self):
        attention, pooling = self.model.attention, self.model.head.pooling
        if self.oversample.method == "smote" and (attention, pooling) != ("none", "avg"):
            raise ValueError(
                "oversample.method smote mixes pooled features, which is the same as mixing maps "
                "only where positions are averaged: expected model.attention none and "
                f"model.head.pooling avg. Received: {attention} and {pooling}. Set these two, or "
                "choose oversample.method random, whose repeats are augmented views"
            )
        return self

    @model_validator(mode="after")
    def _mixup_and_cutmix_need_a_tuned_backbone(self):
        settings = {name: getattr(self.augment, name) for name in ("mixup", "cutmix")}
        active = ", ".join(f"augment.{name} {value:g}" for name, value in settings.items() if value)
        if active and self.model.trainable == "none":
            raise ValueError(
                "augment.mixup and augment.cutmix blend two images at each step, which needs a "
                "backbone that is tuned: expected both to be 0 with model.trainable none. "
                f"Received: {active}. Set them to 0, or model.trainable to all or a number of "
                "blocks"
            )
        return self

    @model_validator(mode="after")
    def _smote_needs_a_frozen_backbone(self):
        if self.oversample.method == "smote" and self.model.trainable != "none":
            raise ValueError(
                "oversample.method smote mixes the maps of a frozen backbone: expected "
                f"model.trainable none. Received: {self.model.trainable}. Choose oversample.method "
                "random, whose repeats are augmented anew at each step"
            )
        return self


def read_params(path: Path) -> Params:
    """Reads and checks the whole of params.yaml.

    YAML 1.2, by the parser that DVC uses, so that `1e-3` is a number to both.

    Raises:
        StageError: naming each wrong parameter by its dotted name, with what was expected and
            what was received.
    """
    try:
        content = YAML(typ="safe", pure=True).load(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise StageError(
            f"Expected the parameters in {path}. Received: no such file. Run the stage from the "
            "project's top folder, or name the file with --params."
        ) from None
    except (YAMLError, UnicodeDecodeError) as error:
        raise StageError(f"Expected {path} to be YAML. Received: {error}") from None
    return check_params(content, str(path))


def check_params(content: Any, source: str) -> Params:
    """Checks the whole content of params.yaml, whatever it was read from.

    Args:
        content: as YAML gives it.
        source: what the error message is to name as the place of the parameters.

    Raises:
        StageError: as `read_params`.
    """
    try:
        return Params.model_validate(in_current_terms(content))
    except ValidationError as error:
        lines = "\n".join(f"  {line}" for line in _described(error.errors()))
        raise StageError(f"{source} has parameters that cannot be used:\n{lines}") from None


def in_current_terms(content: Any) -> Any:
    """The content with RENAMED parameters and FORMER_VALUES as they are called today.

    A parameter that stands under both names keeps the value of the new one.
    """
    if not isinstance(content, dict):
        return content
    content = dict(content)
    for path, new in RENAMED.items():
        section, _, old = path.partition(".")
        values = content.get(section)
        if isinstance(values, dict) and old in values and new not in values:
            content[section] = {new if key == old else key: v for key, v in values.items()}
    for path, values in FORMER_VALUES.items():
        content = _replaced(content, path.split("."), values)
    return content


def _replaced(content: Any, path: list[str], values: dict[bool, str]) -> Any:
    """The content with the value at a path replaced, where it is one of `values`."""
    if not path:
        # 1 and 0 are keys of it too, and are no booleans.
        return values[content] if isinstance(content, bool) else content
    if not isinstance(content, dict) or path[0] not in content:
        return content
    return content | {path[0]: _replaced(content[path[0]], path[1:], values)}


def _described(items: list[dict[str, Any]]) -> list[str]:
    """A line per wrong parameter; of one that takes several types, a line per type."""
    return list(dict.fromkeys(_describe(item) for item in items))


def _describe(item: dict[str, Any]) -> str:
    # Where a parameter takes several types, pydantic adds the type to the place: list[str].
    parts = [str(part) for part in item["loc"] if re.fullmatch(r"\w+", str(part))]
    name = ".".join(parts) or "the file"
    if item["type"] == "extra_forbidden":
        return f"{name}: expected no such parameter. Received: {item['input']!r}. Is it misspelt?"
    if item["type"] == "missing":
        return f"{name}: expected a value. Received: nothing. Add it to the file."
    if item["type"] == "value_error":  # one of our own checks across two values: says it all
        return f"{name}: {item['ctx']['error']}"
    expected = item["msg"].removeprefix("Input should be ").removeprefix("List should have ")
    if item["type"] == "string_pattern_mismatch":
        expected = f"text of the form {item['ctx']['pattern']}"
    received = item["input"]
    return f"{name}: expected {expected}. Received: {received!r} ({type(received).__name__})"
