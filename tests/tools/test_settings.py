"""Settings: applied to parameters, as typed, and as DVC takes them."""

import pytest
from dvc.utils.hydra import apply_overrides
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from common.errors import StageError
from tools.settings import apply_settings, flatten, override, overrides, parse_settings


def test_settings_are_applied_to_a_copy():
    changed = apply_settings({"a": {"b": 1, "c": 2}, "d": 3}, {"a.b": [4], "d": None})
    assert changed == {"a": {"b": [4], "c": 2}, "d": None}
    assert apply_settings({"a": {"b": 1}}, {"a.b": 2}) is not changed
    assert flatten(changed) == {"a.b": [4], "a.c": 2, "d": None}


def test_words_of_an_override():
    assert override("model.backbone", ["vgg16", "vgg19"]) == "model.backbone=[vgg16,vgg19]"
    assert override("model.weights", ["imagenet", "a b.h5"]) == "model.weights=[imagenet,'a b.h5']"
    assert override("model.layer", None) == "model.layer=null"
    assert override("train.hdf5", True) == "train.hdf5=true"
    assert override("train.learning_rate", 1e-05) == "train.learning_rate=1e-05"
    assert override("data.path", "null") == "data.path='null'"
    assert override("data.path", "it's") == r"data.path='it\'s'"


def test_settings_become_words_for_dvc():
    settings = {"train.weight_decay": None, "model.head.norm": False, "train.schedule": "cosine"}
    settings["train.learning_rate"] = 0.00005
    assert overrides(settings) == [
        *("-S", "train.weight_decay=null", "-S", "model.head.norm=false"),
        *("-S", "train.schedule=cosine", "-S", "train.learning_rate=5e-05"),
    ]


scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(10**9), 10**9)
    | st.floats(-1e9, 1e9)
    | st.text("ab1 ,=[]{}()':\"\\/.#&%@!$-_~*+ä").filter(lambda text: "${" not in text)
)


@settings(max_examples=100, deadline=None)
@given(value=scalars | st.lists(scalars, max_size=3))
def test_dvc_reads_an_override_as_the_value_it_was_made_from(tmp_path_factory, value):
    path = tmp_path_factory.mktemp("override") / "params.yaml"
    path.write_text("data:\n  path: x\n")  # in blocks, as params.yaml is
    apply_overrides(path, [override("data.path", value)])
    read = YAML(typ="safe", pure=True).load(path)["data"]["path"]
    assert read == value
    assert type(read) is type(value)


def test_what_dvc_would_replace_is_refused():
    with pytest.raises(StageError, match=r"data\.path without \$\{"):
        override("data.path", ["a", "x${seed}"])


def test_settings_as_typed():
    typed = ["model.backbone=[vgg16,vgg19]", "model.weights=none", "train.tuning_rate=1e-4"]
    typed += ["model.layer=", "data.gdrive_id='https://x/?a=b'", "train.hdf5=true"]
    assert parse_settings(typed) == {
        "model.backbone": ["vgg16", "vgg19"],
        "model.weights": "none",
        "train.tuning_rate": 1e-4,
        "model.layer": None,
        "data.gdrive_id": "https://x/?a=b",
        "train.hdf5": True,
    }
    for word in ("train.epochs", "=3", "model.backbone=[vgg16"):
        with pytest.raises(StageError, match="Expected"):
            parse_settings([word])
