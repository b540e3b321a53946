"""The description of a trained model: classes, preprocessing and the parameters behind it."""

from types import SimpleNamespace

import pytest

from common.params import read_params
from stages.train.description import describe_model
from tests.helpers.pipeline import PREPROCESSING, ROOT

PARAMS = read_params(ROOT / "params.yaml")
TRAIN_SPLIT = SimpleNamespace(class_names=["cat", "dog"], preprocessing=PREPROCESSING)


@pytest.mark.parametrize(("trainable", "frozen"), [("none", True), ("all", False), (2, False)])
def test_the_description_holds_what_serving_needs_and_the_parameters(trainable, frozen):
    model = PARAMS.model.model_copy(update={"trainable": trainable})
    description = describe_model(TRAIN_SPLIT, 7, PARAMS.augment, model, PARAMS.train, 1.25)
    assert description["frozen"] is frozen
    sections = description.pop("params")
    assert sections["seed"] == 7
    assert sections["model"]["trainable"] == trainable
    assert sections["augment"] == PARAMS.augment.model_dump()
    assert sections["train"] == PARAMS.train.model_dump()
    assert description == {
        "class_names": ["cat", "dog"],
        "image_size": (64, 64),
        "resize": "stretch",
        "max_pixels": 1_000_000,
        "frozen": frozen,
        "temperature": 1.25,
    }
