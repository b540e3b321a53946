"""Registries against the choices of parameters: in the schema, in params.yaml, in the search.

A choice that stands in one of these places and not in another fails late, in the stage that
meets it.
"""

import re
from typing import Any, Literal, get_args, get_origin

import keras
import pytest
from pydantic import BaseModel

from app.serve.errors import IMAGE_ERRORS, STATUSES
from common.metric_names import HEADLINE, METRICS, PER_CLASS
from common.params import Params
from common.reason_words import WORDS
from common.reasons import DECODING, REASONS
from common.schema import Quality
from common.sources import SOURCES
from common.tables.manifest import FLAGS
from networks.attention import ATTENTIONS
from networks.backbones.build import backbone_names
from networks.cam import METHODS as HEAT_MAP_METHODS
from networks.heads import NORMS, POOLINGS
from stages.clean.quality import RULES as QUALITY_RULES
from stages.download.sources import FETCHERS
from stages.evaluate.intervals import INTERVALS
from stages.evaluate.threshold import RULES as THRESHOLD_RULES
from stages.oversample.methods import METHODS as OVERSAMPLING_METHODS
from stages.split.assign import RULES as ASSIGNMENT_RULES
from stages.split.leaks import ACTIONS as LEAKAGE_ACTIONS
from stages.train.losses import LOSSES
from stages.train.monitors import MONITORS
from stages.train.optimizers import OPTIMIZERS
from stages.train.schedules import SCHEDULES
from tests.helpers.pipeline import ROOT
from tools.search.space import CHOICES, RATES

# A parameter with choices, and what it chooses from.
REGISTRIES = {
    "data.source": FETCHERS,
    "split.assign": ASSIGNMENT_RULES,
    "split.leakage": LEAKAGE_ACTIONS,
    "oversample.method": OVERSAMPLING_METHODS,
    "model.attention": ATTENTIONS,
    "model.head.norm": NORMS,
    "model.head.pooling": POOLINGS,
    "train.loss": LOSSES,
    "train.optimizer": OPTIMIZERS,
    "train.schedule": SCHEDULES,
    "train.monitor": MONITORS,
    "evaluate.threshold.rule": THRESHOLD_RULES,
    "gradcam.methods": HEAT_MAP_METHODS,
}
# Parameters whose choices are not things that a registry could hold: switches between two or three
# paths of one function, or names that Keras resolves.
WITHOUT = {
    *("data.splits", "clean.near_duplicates", "clean.conflicts", "clean.missing_classes"),
    *("split.resize", "model.trainable"),
    *("model.head.start", "model.head.activation", "model.head.l2", "model.head.output"),
    *("train.calibration", "compute.engine_cpu", "compute.precision"),
}


def literals(annotation: Any) -> list[str]:
    """The choices inside an annotation, also within Annotated, list and unions."""
    if get_origin(annotation) is Literal:
        return list(get_args(annotation))
    return [choice for argument in get_args(annotation) for choice in literals(argument)]


def parameters_with_choices(model: type[BaseModel] = Params, prefix="") -> dict[str, list[str]]:
    """Dotted name to choices, of every parameter that has any."""
    choices = {}
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            choices |= parameters_with_choices(field.annotation, f"{prefix}{name}.")
        elif options := literals(field.annotation):
            choices[prefix + name] = options
    return choices


SCHEMA = parameters_with_choices()


def test_every_parameter_with_choices_is_looked_at():
    assert set(SCHEMA) == set(REGISTRIES) | WITHOUT


@pytest.mark.parametrize("parameter", REGISTRIES)
def test_a_registry_has_the_choices_of_the_schema(parameter):
    assert set(REGISTRIES[parameter]) == set(SCHEMA[parameter])


def test_keras_knows_the_activations():
    for name in SCHEMA["model.head.activation"]:
        assert callable(keras.activations.get(name))


def comment_above(parameter: str) -> str:
    """The comments of params.yaml that belong to a parameter: above it, and beside it."""
    lines = (ROOT / "params.yaml").read_text().splitlines()
    position, above = -1, []
    for depth, name in enumerate(parameter.split(".")):
        key = re.compile(rf"{'  ' * depth}{name}:( |$)")
        position = next(i for i in range(position + 1, len(lines)) if key.match(lines[i]))
    beside = lines[position].partition("#")[2]
    while position and lines[position - 1].strip().startswith("#"):
        position -= 1
        above.insert(0, lines[position].strip())
    return "\n".join([*above, beside])


@pytest.mark.parametrize("parameter", SCHEMA)
def test_the_comments_of_params_yaml_name_every_choice_and_no_other(parameter):
    comment = comment_above(parameter)
    choices = re.findall(r"^# - (\w+)(?::|$)", comment, re.M)
    if not choices:
        choices = re.search(r"\w+(?: \| \w+)+", comment)[0].split(" | ")
    assert choices == SCHEMA[parameter]


def test_the_comments_name_backbones_that_there_are():
    lines = re.findall(r"^# - (.*?)(?::|$)", comment_above("model.backbone"), re.M)
    named = re.findall(r"\b(?:efficientnet|cnn|resnet|vgg|mobilenet|xception)\w*", " ".join(lines))
    assert named
    assert set(named) <= set(backbone_names())


def test_the_search_tries_every_choice_of_what_it_searches():
    searched = {name: set(choices) for name, choices in CHOICES.items() if name in SCHEMA}
    assert {"model.attention", "train.optimizer", "train.schedule"} <= set(searched)
    for name, choices in searched.items():
        assert choices == set(SCHEMA[name]), name
    assert set(RATES) == set(OPTIMIZERS)


def test_sources_and_reasons_have_words_and_decoding_has_answers():
    assert set(SOURCES) == set(FETCHERS)
    assert all(SOURCES.values())
    assert tuple(WORDS) == REASONS
    assert all(WORDS.values())
    assert set(DECODING) <= set(REASONS)
    assert set(IMAGE_ERRORS) == set(DECODING)
    assert STATUSES["internal"] == 500
    codes = {code for code, _ in IMAGE_ERRORS.values()}
    assert codes <= {code for code, status in STATUSES.items() if status < 500}


def test_the_docs_list_every_reason_for_rejecting_a_file():
    text = (ROOT / "docs/data.md").read_text()
    table = re.search(r"^\| reason \|.*\n\|-.*\n((?:\|.*\n)+)", text, re.M)[1]
    assert re.findall(r"^\| `(\w+)` \|", table, re.M) == list(REASONS)


def test_flags_are_measured_and_have_levels():
    assert set(FLAGS) == set(QUALITY_RULES) == set(Quality.model_fields)


def test_metrics_have_words_and_a_known_interval():
    assert all(metric.words for metric in METRICS.values())
    kinds = {METRICS[name].interval for name in (*HEADLINE, *PER_CLASS)}
    assert kinds == set(INTERVALS)
