"""Recipes: their files, and each of them run at a small size."""

import itertools

import keras
import numpy as np
import pandas as pd
import pytest
from ruamel.yaml import YAML

from common.errors import StageError
from common.values import as_list
from networks.backbones.build import backbone_names
from networks.classifier import load_classifier
from tests.helpers.pipeline import ROOT, THREADS, Run, write_params
from tools.recipes.reading import (
    Experiment,
    check_settings,
    experiments,
    read_recipe,
    recipe_names,
)
from tools.settings import apply_settings, flatten

CONTENT = YAML(typ="safe", pure=True).load(ROOT / "params.yaml")
NAMES = {
    *("best", "cnn_scratch", "fast", "multi_model_mha", "resnet101_noise", "resnet50_dual"),
    "vgg16_attention",
}
SOURCES = sorted(NAMES - {"best", "fast"})
ALL = {
    experiment.name: experiment
    for name in recipe_names()
    for experiment in experiments(name, read_recipe(name))
}


def recipe_file(folder, text):
    (folder / "made_up.yaml").write_text(text, encoding="utf-8")
    return folder


def test_the_recipes_and_their_experiments():
    assert set(recipe_names()) >= NAMES
    variants = ("vgg16", "vgg19", "mobilenet", "xception", "fused")
    assert {f"multi_model_mha-{variant}" for variant in variants} <= set(ALL)
    assert ALL["fast"] == Experiment("fast", None, {})


@pytest.mark.parametrize("name", ALL)
def test_every_setting_is_a_parameter_and_the_pipeline_takes_it(name):
    experiment = ALL[name]
    assert set(experiment.settings) <= set(flatten(CONTENT))
    params = check_settings(CONTENT, experiment)
    assert set(as_list(params.model.backbone)) <= set(backbone_names())
    flat = flatten(params.model_dump())
    for setting, value in experiment.settings.items():
        expected = tuple(value) if setting == "split.image_size" else value
        assert flat[setting] == expected


@pytest.mark.parametrize("name", SOURCES)
def test_a_later_default_changes_no_source_system(name):
    recipe = read_recipe(name)
    for experiment in experiments(name, recipe):
        stated = set(experiment.settings)
        augment = {f"augment.{key}" for key in CONTENT["augment"]}
        head = {f"model.head.{key}" for key in CONTENT["model"]["head"]}
        model = {f"model.{key}" for key in CONTENT["model"]} - {"model.head"}
        train = {"epochs", "batch_size", "loss", "label_smoothing", "optimizer", "learning_rate"}
        train |= {
            "schedule",
            "monitor",
            "patience",
            "stop_on_overfit",
            "ema",
            "hdf5",
            "calibration",
        }
        needed = augment | head | model | {f"train.{key}" for key in train}
        needed |= {"split.image_size", "oversample.method"}
        assert needed - stated == set()
        if experiment.settings["model.trainable"] != "none":
            assert {"train.warmup_epochs", "train.tuning_rate"} <= stated
        by_schedule = {
            "cosine": {"train.rise_epochs"},
            "plateau": {"train.plateau_patience", "train.plateau_factor"},
            "polynomial": {"train.decay_power", "train.end_learning_rate"},
        }
        assert by_schedule.get(experiment.settings["train.schedule"], set()) <= stated


def test_the_reference_is_what_the_source_published():
    assert read_recipe("vgg16_attention").reference.accuracy == 0.97
    assert read_recipe("vgg16_attention").reference.f1 == 0.97
    for name in SOURCES:
        if name != "vgg16_attention":
            assert read_recipe(name).reference is None


WHOLE = "about: x\nreference: null\nsettings: {train.epochs: 3}\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("about: [", r"made_up\.yaml to be YAML"),
        ("about: x\nreference: null\n", r"made_up\.yaml is no recipe:\n  settings: Field required"),
        (WHOLE + "setings: {}\n", r"setings: Extra inputs are not permitted. Received: \{\}"),
        (WHOLE + "variants: {a: {seed: 1}, b: {}}\n", "all variants to set the same parameters"),
        (WHOLE + "variants: {a: {train.epochs: 1}}\n", r"train\.epochs in settings or in variants"),
        (WHOLE + "variants: {A b: {seed: 1}}\n", r"variants\.A b.*pattern"),
        (WHOLE.replace("3", "{a: 1}"), r"settings\.train\.epochs"),
        (WHOLE.replace("null", "{accuracy: 97, f1: 1.0, data: x}"), r"reference\.accuracy.*97"),
    ],
)
def test_a_faulty_file_is_refused_by_name_and_reason(tmp_path, text, message):
    with pytest.raises(StageError, match=message):
        read_recipe("made_up", recipe_file(tmp_path, text))


def test_an_unknown_recipe_is_refused_with_those_there_are(tmp_path):
    with pytest.raises(StageError, match=r"one of made_up\. Received: '\.\./other'"):
        read_recipe("../other", recipe_file(tmp_path, WHOLE))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"train.epochs": "many"}, r"train\.epochs: expected .*integer.*Received: 'many' \(str\)"),
        ({"model.atention": "mha"}, r"model\.atention: expected no such parameter"),
        ({"seed.x": 1}, r"seed: expected .*integer"),
        ({"model.head": 1}, r"model\.head: expected"),
        ({"train.stop_on_overfit": True, "train.monitor": "loss"}, "keeps the weights of the low"),
    ],
)
def test_what_the_pipeline_would_refuse_names_file_parameter_and_reason(values, message):
    with pytest.raises(StageError, match=message) as caught:
        check_settings(CONTENT, Experiment("made_up", "one", values))
    assert "recipes/made_up.yaml, variant one," in str(caught.value)


# Each recipe with each variant, from images to Grad-CAM, random weights, one step.

SIZE = 75  # px; Xception needs 71
KEPT = {"advertising": 22, "other": 8}  # 16 and 6 of them in train: a batch of 32 when balanced
CHANNELS = {  # of each backbone's maps
    "vgg16": 512, "vgg19": 512, "mobilenet": 1024, "xception": 2048, "resnet50": 2048,
    "resnet101": 2048, "cnn": 256, "cnn_concat": 512, "efficientnet_lite0": 1280,
    "efficientnet_lite2": 1280,
}  # fmt: skip
REDUCED = {
    "split.image_size": [SIZE, SIZE],
    "model.weights": "none",
    "train.epochs": 1,
    "gradcam.per_class": 1,
    "gradcam.faithfulness_images": 1,
    "compute.threads": THREADS,
}
ATTENTION = {"pool": keras.layers.Softmax, "mha": keras.layers.MultiHeadAttention,
             "gam": keras.layers.Conv2D}  # fmt: skip


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """Some images of the sample: downloaded, cleaned and split."""
    folder = tmp_path_factory.mktemp("recipes")
    params = write_params(
        folder / "params.yaml", split__image_size=[SIZE, SIZE], data__source="sample"
    )
    run = Run(folder, params)
    (folder / "source").mkdir()
    run.download()
    for label, count in KEPT.items():
        for path in sorted((folder / "raw" / label).glob("img_*"))[count:]:
            path.unlink()
    run.clean()
    run.split()
    return folder


@pytest.fixture(params=ALL)
def finished(request, base, tmp_path):
    """A recipe's experiment, its parameters, and its run."""
    experiment = ALL[request.param]
    for name in ("raw", "clean", "dataset"):
        (tmp_path / name).symlink_to(base / name)
    changed = {name: value for name, value in REDUCED.items() if name in flatten(CONTENT)}
    experiment = experiment._replace(settings=experiment.settings | changed)
    params = check_settings(CONTENT, experiment)
    YAML().dump(apply_settings(CONTENT, experiment.settings), tmp_path / "params.yaml")
    run = Run(tmp_path, tmp_path / "params.yaml")
    for stage in ("oversample", "extract", "train", "predict", "evaluate", "gradcam"):
        getattr(run, stage)()
    yield params, run
    keras.backend.clear_session()


def test_a_recipe_runs_from_images_to_explanations(finished):
    params, run = finished
    sampling = pd.read_parquet(run.path("sampling/train.parquet"))
    assert len(sampling) <= params.train.batch_size  # one step, that is
    classifier = load_classifier(run.path("models/classifier"))
    assert classifier.preprocessing.image_size == (SIZE, SIZE)
    for split in ("val", "test"):
        table = pd.read_csv(run.path(f"predictions/{split}.csv"))
        probabilities = table[[f"p_{name}" for name in classifier.class_names]].to_numpy()
        assert len(table) >= 4
        assert np.isfinite(probabilities).all()
        np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    assert run.path("p/gradcam/summary.png").stat().st_size > 0
    check_backbone(params, classifier.backbone)
    check_head(params, classifier.head)
    check_training(params, run)


def check_backbone(params, backbone):
    channels = sum(CHANNELS[name] for name in as_list(params.model.backbone))
    assert backbone.output_shape[-1] == channels
    if params.model.layer == "block5_conv3":  # 75 px halved four times; block5_pool halves again
        assert backbone.output_shape[1:3] == (4, 4)


def check_head(params, head):
    settings, layers = params.model.head, {layer.name: layer for layer in head.layers}
    assert ("noise" in layers) == bool(settings.noise)
    if settings.noise:
        assert isinstance(layers["noise"], keras.layers.GaussianNoise)
        assert layers["noise"].stddev == settings.noise
    assert ("norm" in layers) == (settings.norm != "none")
    assert ("attention_weights" in layers) == (params.model.attention != "none")
    if params.model.attention != "none":
        assert isinstance(layers["attention_weights"], ATTENTION[params.model.attention])
    if params.model.attention != "pool":
        assert isinstance(layers["pooling"], keras.layers.GlobalAveragePooling2D)
    assert ("dropout" in layers) == bool(settings.dropout)
    if settings.dropout:
        assert layers["dropout"].rate == settings.dropout
    assert ("hidden" in layers) == bool(settings.units)
    if settings.units:
        hidden = layers["hidden"]
        assert (hidden.units, hidden.activation.__name__) == (settings.units, settings.activation)
        penalty = hidden.kernel_regularizer
        assert (float(penalty.l2) if penalty else 0) == pytest.approx(settings.l2)
    assert layers["logits"].units == (2 if settings.output == "softmax" else 1)


def check_training(params, run):
    history = pd.read_csv(run.path("p/train/history.csv"))
    assert history["epoch"].max() == 1
    train, tuned = params.train, params.model.trainable != "none"
    rate = (tuned and train.tuning_rate) or train.learning_rate
    # After the only step: cosine has come to zero, polynomial to its end.
    end = {"cosine": 0.0, "polynomial": train.end_learning_rate}.get(train.schedule, rate)
    assert history["learning_rate"].iloc[-1] == pytest.approx(end, rel=1e-5, abs=1e-12)
    assert run.path("models/classifier/classifier.h5").exists() == train.hdf5


def test_no_two_recipes_are_the_same():
    for first, second in itertools.combinations(ALL.values(), 2):
        assert first.settings != second.settings, (first.name, second.name)
