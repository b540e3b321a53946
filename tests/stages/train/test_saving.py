"""The saved model's bytes."""

import json
import zipfile

from networks.backbones.build import build_backbone
from networks.classifier import MODEL_FILE, compose
from networks.heads import build_head
from networks.runtime import set_seed
from stages.train.saving import save_classifier
from tests.helpers.training_sets import PLAIN

EVERY_LAYER = {
    "noise": 0.1,
    "start": "random",
    "norm": "batch",
    "dropout": 0.3,
    "units": 8,
    "activation": "gelu",
    "l2": 1e-3,
}


def test_equal_models_are_equal_bytes_and_need_no_code_of_ours(tmp_path):
    set_seed(3)
    backbone = build_backbone("cnn", (64, 64), "none")
    head = build_head(backbone.output_shape[1:], 3, "cbam", PLAIN.model_copy(update=EVERY_LAYER))
    model = compose(backbone, head)
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        save_classifier(tmp_path / name, model, {"class_names": list("abc")})
    files = [tmp_path / name / MODEL_FILE for name in ("one", "two")]
    assert files[0].read_bytes() == files[1].read_bytes()
    with zipfile.ZipFile(files[0]) as archive:
        config = archive.read("config.json").decode()
        assert "stages." not in config
        assert not any(number > 10_000 for number in shared_ids(json.loads(config)))


def shared_ids(value):
    if isinstance(value, dict):
        for key, item in value.items():
            yield from [item] if key == "shared_object_id" else shared_ids(item)
    elif isinstance(value, list):
        for item in value:
            yield from shared_ids(item)
