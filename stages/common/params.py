"""params.yaml as typed, frozen objects, checked as a whole before a stage does any work.

There are no default values here: params.yaml is their one owner. Every stage checks the whole
file, reads only its own part of it (`params.section` or `params.section.name`), and declares
exactly that part in dvc.yaml; tests/test_pipeline.py compares the two.
"""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from stages.common.errors import StageError

Fraction = Annotated[float, Field(ge=0, lt=1)]
Positive = Annotated[float, Field(gt=0)]


def _pair(value: Any) -> tuple:
    if not isinstance(value, list) or len(value) != 2:
        raise ValueError(f"expected two numbers, [height, width] in px. Received: {value!r}")
    return tuple(value)


class Section(BaseModel):
    """A mapping of params.yaml: unknown keys, other types and later changes are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Data(Section):
    source: Literal["sample", "path", "gdrive"]
    path: Annotated[str, Field(min_length=1)]
    gdrive_id: Annotated[str, Field(min_length=1)] | None
    sha256: Annotated[str, Field(pattern="^[0-9a-fA-F]{64}$")] | None
    labels: Annotated[str, Field(min_length=1)] | None
    image_column: Annotated[str, Field(min_length=1)]
    label_column: Annotated[str, Field(min_length=1)]
    split_column: Annotated[str, Field(min_length=1)]
    max_files: Annotated[int, Field(ge=1)]
    max_gigabytes: Positive
    max_ratio: Annotated[float, Field(ge=1)]

    @model_validator(mode="after")
    def _gdrive_needs_an_id(self):
        if self.source == "gdrive" and self.gdrive_id is None:
            raise ValueError("data.source is gdrive, so data.gdrive_id must be an id or a link")
        return self


class Quality(Section):
    blurry: Annotated[float, Field(ge=0)]
    dark: Annotated[float, Field(ge=0, le=255)]
    bright: Annotated[float, Field(ge=0, le=255)]
    low_contrast: Annotated[float, Field(ge=0, le=128)]
    grey: Annotated[float, Field(ge=0, le=255)]
    odd_size: Annotated[float, Field(gt=1)]


class Clean(Section):
    min_side: Annotated[int, Field(ge=1)]
    # Pillow refuses twice its own limit of 89,478,485 pixels whatever we allow.
    max_pixels: Annotated[int, Field(ge=1, le=178_956_970)]
    max_aspect: Annotated[float, Field(ge=1)]
    min_contrast: Annotated[float, Field(ge=0, le=128)]
    near_duplicates: Literal["drop", "group", "off"]
    conflicts: Literal["drop", "keep"]
    hash_distance: Annotated[int, Field(ge=0, le=24)]
    correlation: Annotated[float, Field(gt=0, le=1)]
    correlation_loose: Annotated[float, Field(gt=0, le=1)]
    agreement: Annotated[float, Field(gt=0, le=1)]
    quality: Quality


class Split(Section):
    image_size: Annotated[
        tuple[Annotated[int, Field(ge=16, le=4096)], Annotated[int, Field(ge=16, le=4096)]],
        BeforeValidator(_pair),
    ]
    resize: Literal["stretch", "crop", "pad"]
    val: Annotated[float, Field(gt=0, lt=1)]
    test: Annotated[float, Field(gt=0, lt=1)]
    assign: Literal["exact", "stable"]
    leakage: Literal["drop_train", "error", "allow"]

    @model_validator(mode="after")
    def _train_keeps_some(self):
        if self.val + self.test >= 1:
            raise ValueError(
                f"split.val + split.test must stay below 1, or train is empty; they add up to "
                f"{self.val + self.test:g}"
            )
        return self


class Oversample(Section):
    method: Literal["random", "target_ratio", "undersample", "class_weight", "smote", "none"]
    target_ratio: Annotated[float, Field(gt=0, le=1)]


class Augment(Section):
    views: Annotated[int, Field(ge=1, le=64)]
    flip: bool
    rotation: Annotated[float, Field(ge=0, le=0.5)]
    shift: Fraction
    zoom: Fraction
    shear: Fraction
    brightness: Fraction
    contrast: Fraction


class Head(Section):
    noise: Annotated[float, Field(ge=0)]
    norm: bool
    pooling: Literal["avg", "max", "avgmax", "gem"]
    dropout: Fraction
    units: Annotated[int, Field(ge=0)]
    activation: Literal["relu", "gelu", "tanh", "silu"]
    l2: Annotated[float, Field(ge=0)]


class Model(Section):
    backbone: Annotated[str, Field(min_length=1)]
    weights: Annotated[str, Field(min_length=1)]
    layer: Annotated[str, Field(min_length=1)] | None
    attention: Literal["none", "se", "spatial", "cbam", "gam", "pool", "mha"]
    head: Head


class Train(Section):
    epochs: Annotated[int, Field(ge=1)]
    batch_size: Annotated[int, Field(ge=1)]
    loss: Literal["auto", "cross_entropy", "focal"]
    focal_gamma: Annotated[float, Field(ge=0)]
    label_smoothing: Fraction
    optimizer: Literal["adam", "adamw", "sgd", "lion"]
    learning_rate: Positive
    weight_decay: Annotated[float, Field(ge=0)] | None
    schedule: Literal["constant", "cosine", "polynomial", "exponential", "plateau"]
    warmup_epochs: Annotated[int, Field(ge=0)]
    decay_power: Positive
    end_learning_rate: Annotated[float, Field(ge=0)]
    decay_rate: Annotated[float, Field(gt=0, le=1)]
    plateau_patience: Annotated[int, Field(ge=1)]
    plateau_factor: Annotated[float, Field(gt=0, lt=1)]
    monitor: Literal["val_loss", "val_accuracy", "val_f1_macro", "loss", "accuracy", "f1_macro"]
    patience: Annotated[int, Field(ge=1)]
    stop_on_overfit: bool
    ema: Fraction

    @model_validator(mode="after")
    def _schedule_is_possible(self):
        if self.schedule == "cosine" and self.warmup_epochs >= self.epochs:
            raise ValueError(
                "train.warmup_epochs must stay below train.epochs, or nothing is left of the "
                f"cosine. Received: {self.warmup_epochs} of {self.epochs}"
            )
        if self.schedule == "polynomial" and self.end_learning_rate > self.learning_rate:
            raise ValueError(
                "train.end_learning_rate must be at most train.learning_rate. Received: "
                f"{self.end_learning_rate:g} and {self.learning_rate:g}"
            )
        return self

    @model_validator(mode="after")
    def _overfitting_is_a_matter_of_losses(self):
        if self.stop_on_overfit and self.monitor != "val_loss":
            raise ValueError(
                "train.stop_on_overfit keeps the weights of the lowest val_loss: expected "
                f"train.monitor val_loss. Received: {self.monitor}. Set it, or "
                "train.stop_on_overfit: false"
            )
        return self


class Gradcam(Section):
    per_class: Annotated[int, Field(ge=1, le=50)]
    opacity: Annotated[float, Field(ge=0, le=1)]


class Compute(Section):
    threads: Annotated[int, Field(ge=1, le=1024)]
    batch_size: Annotated[int, Field(ge=1)]


class Params(Section):
    seed: Annotated[int, Field(ge=0, lt=2**32)]
    data: Data
    clean: Clean
    split: Split
    oversample: Oversample
    augment: Augment
    model: Model
    train: Train
    gradcam: Gradcam
    compute: Compute

    @model_validator(mode="after")
    def _smote_needs_the_mean(self):
        attention, pooling = self.model.attention, self.model.head.pooling
        if self.oversample.method == "smote" and (attention, pooling) != ("none", "avg"):
            raise ValueError(
                "oversample.method smote mixes pooled features, which is the same as mixing maps "
                "only where positions are averaged: expected model.attention none and "
                f"model.head.pooling avg. Received: {attention} and {pooling}. Set these two, or "
                "choose oversample.method random, whose repeats are augmented views"
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
    try:
        return Params.model_validate(content)
    except ValidationError as error:
        lines = "\n".join(f"  {_describe(item)}" for item in error.errors())
        raise StageError(f"{path} has parameters that cannot be used:\n{lines}") from None


def _describe(item: dict[str, Any]) -> str:
    name = ".".join(str(part) for part in item["loc"]) or "the file"
    if item["type"] == "extra_forbidden":
        return f"{name}: expected no such parameter. Received: {item['input']!r}. Is it misspelt?"
    if item["type"] == "missing":
        return f"{name}: expected a value. Received: nothing. Add it to the file."
    if item["type"] == "value_error":  # one of our own checks across two values: says it all
        return f"{name}: {item['ctx']['error']}"
    expected = item["msg"].removeprefix("Input should be ")
    if item["type"] == "string_pattern_mismatch":
        expected = f"text of the form {item['ctx']['pattern']}"
    received = item["input"]
    return f"{name}: expected {expected}. Received: {received!r} ({type(received).__name__})"
