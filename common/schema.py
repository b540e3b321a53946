"""Schema of params.yaml: each section as a typed, frozen object; `params.py` puts them together.

There are no default values here: params.yaml is their one owner, and says what each one means.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

Fraction = Annotated[float, Field(ge=0, lt=1)]
Name = Annotated[str, Field(min_length=1)]
Positive = Annotated[float, Field(gt=0)]


def _height_and_width(value: Any) -> tuple:
    if not isinstance(value, list) or len(value) != 2:
        raise ValueError(f"expected two numbers, [height, width] in px. Received: {value!r}")
    return tuple(value)


class Section(BaseModel):
    """A mapping of params.yaml: unknown keys, other types and later changes are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Data(Section):
    source: Literal["sample", "path", "gdrive"]
    path: Name
    gdrive_id: Name | None
    sha256: Annotated[str, Field(pattern="^[0-9a-fA-F]{64}$")] | None
    labels: Name | None
    image_column: Name
    label_column: Name
    split_column: Name
    splits: dict[Name, Literal["train", "val", "test", "leave_out"]] | None
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
    missing_classes: Literal["error", "drop"]
    hash_distance: Annotated[int, Field(ge=0, le=24)]
    correlation: Annotated[float, Field(gt=0, le=1)]
    correlation_loose: Annotated[float, Field(gt=0, le=1)]
    agreement: Annotated[float, Field(gt=0, le=1)]
    quality: Quality


class Split(Section):
    image_size: Annotated[
        tuple[Annotated[int, Field(ge=16, le=4096)], Annotated[int, Field(ge=16, le=4096)]],
        BeforeValidator(_height_and_width),
    ]
    resize: Literal["stretch", "crop", "pad"]
    val: Annotated[float, Field(gt=0, lt=1)]
    test: Annotated[float, Field(gt=0, lt=1)]
    assign: Literal["exact", "stable"]
    leakage: Literal["drop_train", "error", "allow"]

    @model_validator(mode="after")
    def _train_is_not_empty(self):
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
    crop: Fraction
    brightness: Fraction
    contrast: Fraction
    saturation: Fraction
    hue: Annotated[float, Field(ge=0, le=0.5)]
    erasing: Annotated[float, Field(ge=0, le=1)]
    mixup: Annotated[float, Field(ge=0)]
    cutmix: Annotated[float, Field(ge=0)]


class Head(Section):
    start: Literal["linear", "random"]
    noise: Annotated[float, Field(ge=0)]
    norm: Literal["standardise", "batch", "none"]
    pooling: Literal["avg", "max", "avgmax", "gem"]
    dropout: Fraction
    units: Annotated[int, Field(ge=0)]
    activation: Literal["relu", "gelu", "tanh", "silu"]
    l2: Annotated[float, Field(ge=0)] | Literal["auto"]
    output: Literal["auto", "sigmoid", "softmax"]


class Model(Section):
    backbone: Name | Annotated[list[Name], Field(min_length=1)]
    weights: Name | list[Name]
    layer: Name | list[Name | None] | None
    trainable: Literal["none", "all"] | Annotated[int, Field(ge=1)]
    attention: Literal["none", "se", "spatial", "cbam", "gam", "pool", "mha"]
    head: Head

    @model_validator(mode="after")
    def _one_value_for_each_backbone(self):
        n = len(self.backbone) if isinstance(self.backbone, list) else 1
        for name in ("weights", "layer"):
            value = getattr(self, name)
            if isinstance(value, list) and len(value) != n:
                raise ValueError(
                    f"expected model.{name} to be one value or a list of {n}, one for each of "
                    f"model.backbone. Received: {len(value)}, {value}"
                )
        if n > 1 and isinstance(self.layer, str):
            raise ValueError(
                f"expected model.layer to be null or a list of {n}, one for each of "
                f"model.backbone. Received: {self.layer!r}"
            )
        return self


class Train(Section):
    epochs: Annotated[int, Field(ge=1)]
    warmup_epochs: Annotated[int, Field(ge=0)] | None
    batch_size: Annotated[int, Field(ge=1)]
    loss: Literal["auto", "cross_entropy", "focal"]
    focal_gamma: Annotated[float, Field(ge=0)]
    label_smoothing: Fraction
    optimizer: Literal["adam", "adamw", "sgd", "lion"]
    learning_rate: Positive
    tuning_rate: Positive | None
    depth_decay: Annotated[float, Field(gt=0, le=1)]
    weight_decay: Annotated[float, Field(ge=0)] | None
    schedule: Literal["constant", "cosine", "polynomial", "exponential", "plateau"]
    rise_epochs: Annotated[int, Field(ge=0)]
    decay_power: Positive
    end_learning_rate: Annotated[float, Field(ge=0)]
    decay_rate: Annotated[float, Field(gt=0, le=1)]
    plateau_patience: Annotated[int, Field(ge=1)]
    plateau_factor: Annotated[float, Field(gt=0, lt=1)]
    monitor: Literal["val_loss", "val_accuracy", "val_f1_macro", "loss", "accuracy", "f1_macro"]
    patience: Annotated[int, Field(ge=1)]
    stop_on_overfit: bool
    ema: Fraction
    calibration: Literal["none", "temperature"]
    hdf5: bool

    @model_validator(mode="after")
    def _schedule_fits_the_training(self):
        if self.schedule == "cosine" and self.rise_epochs >= self.epochs:
            raise ValueError(
                "train.rise_epochs must stay below train.epochs, or nothing is left of the "
                f"cosine. Received: {self.rise_epochs} of {self.epochs}"
            )
        if self.schedule == "polynomial" and self.end_learning_rate > self.learning_rate:
            raise ValueError(
                "train.end_learning_rate must be at most train.learning_rate. Received: "
                f"{self.end_learning_rate:g} and {self.learning_rate:g}"
            )
        return self

    @model_validator(mode="after")
    def _stop_on_overfit_needs_val_loss(self):
        if self.stop_on_overfit and self.monitor != "val_loss":
            raise ValueError(
                "train.stop_on_overfit keeps the weights of the lowest val_loss: expected "
                f"train.monitor val_loss. Received: {self.monitor}. Set it, or "
                "train.stop_on_overfit: false"
            )
        return self


class Threshold(Section):
    positive: Name | None
    rule: Literal["f1", "cost", "min_recall"]
    cost_ratio: Positive
    min_recall: Annotated[float, Field(gt=0, le=1)]


class Evaluate(Section):
    confidence: Annotated[float, Field(ge=0.5, lt=1)]
    resamples: Annotated[int, Field(ge=100, le=100_000)]
    top_k: Annotated[
        tuple[Annotated[int, Field(ge=2)], ...],
        BeforeValidator(lambda value: tuple(value) if isinstance(value, list) else (value,)),
    ]
    abstain: Annotated[float, Field(gt=0, le=1)] | None
    min_slice: Annotated[int, Field(ge=1)]
    threshold: Threshold


class Diagnose(Section):
    images: Annotated[int, Field(ge=1, le=200)]
    unsure_hits: Annotated[int, Field(ge=1)]
    folds: Annotated[int, Field(ge=2, le=20)]
    label_images: Annotated[int, Field(ge=2)]
    plane_points: Annotated[int, Field(ge=10, le=20_000)]


class Gradcam(Section):
    layer: Name | list[Name | None] | None
    methods: Annotated[list[Literal["gradcam", "gradcam_pp", "eigencam"]], Field(min_length=1)]
    faithfulness_images: Annotated[int, Field(ge=0, le=10_000)]
    per_class: Annotated[int, Field(ge=1, le=50)]
    opacity: Annotated[float, Field(ge=0, le=1)]

    @model_validator(mode="after")
    def _each_method_once(self):
        if len(set(self.methods)) < len(self.methods):
            raise ValueError(
                "expected gradcam.methods to name each method once. Received: "
                f"{', '.join(self.methods)}"
            )
        return self


class Ensemble(Section):
    members: list[Name]
    size: Annotated[int, Field(ge=1, le=1000)]

    @model_validator(mode="after")
    def _each_member_once(self):
        twice = sorted({name for name in self.members if self.members.count(name) > 1})
        if twice:
            raise ValueError(
                "expected ensemble.members to name each experiment once; the greedy selection "
                f"weighs them. Received twice: {', '.join(twice)}"
            )
        if "workspace" in self.members:  # `stages.ensemble.revisions.WORKSPACE`
            raise ValueError(
                "expected ensemble.members without the workspace, whose predictions always are a "
                f"candidate. Received: {', '.join(self.members)}"
            )
        return self


class Compute(Section):
    engine_cpu: Literal["auto", "openvino", "tensorflow"]
    precision: Literal["auto", "float32", "bfloat16"]
    threads: Annotated[int, Field(ge=1, le=1024)]
    batch_size: Annotated[int, Field(ge=1)]
