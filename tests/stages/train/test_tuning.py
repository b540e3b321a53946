"""Tuning: which weights move and at which rate, the epoch kept, agreement with a frozen one."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from common.images import encode_png
from common.tables.dataset import Dataset, write_dataset
from common.tables.sampling import Sampling
from networks.augment import Augmenter
from networks.backbones.build import build_backbone
from networks.classifier import compose
from networks.engine import FLOAT32, TENSORFLOW, Engine, frozen_backbone
from networks.heads import build_head
from networks.maps import read_maps
from networks.pixels import decode_batch
from networks.runtime import configure
from stages.extract.maps import write_maps
from stages.train.fitting import fit
from stages.train.map_batches import MapBatches
from stages.train.pixel_batches import pixel_batches
from stages.train.trainable import set_trainable
from stages.train.tuning import TunedNetwork, depth_factors, join_histories, tune
from tests.helpers.augment_settings import STILL
from tests.helpers.images import COLOURS, make_image
from tests.helpers.pipeline import PREPROCESSING
from tests.helpers.training_sets import PLAIN, TRAIN, probabilities_of

SIDE, N = 64, 24
SETTINGS = TRAIN.model_copy(update={"epochs": 2, "learning_rate": 0.003, "patience": 9})


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images") / "train"
    names = ["cat", "dog"]
    rows = [
        {
            "png": encode_png(make_image([5, i], (SIDE, SIDE), COLOURS[names[i % 2]])),
            "path": f"{i}.png",
            "image_id": f"{i:016x}",
            "label": i % 2,
            "group": i,
        }
        for i in range(N)
    ]
    write_dataset(folder, names, PREPROCESSING, rows)
    return Dataset(folder)


def batches_of(dataset, folder):
    plain = {"train": Sampling.plain(dataset.n)}
    return pixel_batches({"train": dataset}, plain, 8, 0, folder)["train"]


def values(model):
    return {id(weight): weight.numpy().copy() for weight in model.weights}


def moved(model, before):
    """Names of the layers of which some weight is another than before."""
    return {
        layer.name
        for layer in model.layers
        if any(not np.array_equal(w.numpy(), before[id(w)]) for w in layer.weights)
    }


def test_with_nothing_trainable_it_agrees_with_the_frozen_path(dataset, tmp_path):
    results = []
    for on_pixels in (False, True):
        configure(3, 2)
        backbone = build_backbone("efficientnet_lite0", (SIDE, SIDE))
        set_trainable(backbone, "none", "imagenet")
        head = build_head(backbone.output_shape[1:], 2, "pool", PLAIN)
        settings = SETTINGS.model_copy(update={"epochs": 5})
        if on_pixels:
            batches = batches_of(dataset, tmp_path)
            history = tune(TunedNetwork(backbone, head), settings, batches, batches, [])
            pixels = decode_batch(list(dataset.png_at(range(N)).values()))
            probabilities = compose(backbone, head).predict(pixels, verbose=0)
        else:
            path = tmp_path / "maps.npy"
            network = frozen_backbone(backbone, Engine(TENSORFLOW, FLOAT32))
            write_maps(path, network, dataset, Augmenter(STILL, 0), 1, 8)
            maps = read_maps(path, dataset)
            plain = Sampling.plain(dataset.n)
            batches = MapBatches(maps, dataset.label, 2, plain, 8, 0)
            history = fit(head, settings, batches, batches)
            probabilities = probabilities_of(head, maps)
        results.append((history, probabilities))
    (frozen, p), (tuned, q) = results
    np.testing.assert_allclose(p, q, atol=1e-3)
    assert np.ptp(p[:, 0]) > 0.5  # it did learn
    np.testing.assert_allclose(
        [row["val_loss"] for row in frozen], [row["val_loss"] for row in tuned], atol=1e-3
    )


@pytest.mark.parametrize("trainable", [1, "all"])
def test_only_what_is_trainable_moves_and_statistics_never(dataset, tmp_path, trainable):
    configure(3, 2)
    backbone = build_backbone("efficientnet_lite0", (SIDE, SIDE))
    set_trainable(backbone, trainable, "imagenet")
    head = build_head(backbone.output_shape[1:], 2, "none", PLAIN)
    before = values(backbone)
    batches = batches_of(dataset, tmp_path)
    settings = SETTINGS.model_copy(update={"epochs": 1})
    tune(TunedNetwork(backbone, head), settings, batches, batches, [])
    convolutions = [x.name for x in backbone.layers if x.weights and not x.name.endswith("bn")]
    last = convolutions[convolutions.index("block6a_dwconv") :]  # has stride 2; 2x2 maps from here
    assert len(last) < len(convolutions)
    assert (
        moved(backbone, before)
        == {
            1: set(last),
            "all": set(convolutions),
        }[trainable]
    )


def test_from_scratch_the_statistics_are_learned_too(dataset, tmp_path):
    configure(3, 2)
    backbone = build_backbone("cnn", (SIDE, SIDE), "none")
    set_trainable(backbone, "all", "none")
    head = build_head(backbone.output_shape[1:], 2, "none", PLAIN)
    before = values(backbone)
    batches = batches_of(dataset, tmp_path)
    settings = SETTINGS.model_copy(update={"epochs": 12})
    history = tune(TunedNetwork(backbone, head), settings, batches, batches, [])
    assert moved(backbone, before) == {layer.name for layer in backbone.layers if layer.weights}
    assert {row["phase"] for row in history} == {"tuning"}
    assert max(row["accuracy"] for row in history) > 0.9


def two_layers():
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(2, 3, padding="same", name="first")(inputs)
    x = keras.layers.Conv2D(2, 3, strides=2, padding="same", name="second")(x)
    return keras.Model(inputs, x, name="backbone")


def test_the_rate_falls_by_depth_and_the_head_keeps_its_own():
    backbone = two_layers()
    factors = depth_factors(backbone, 0.5)
    first, second = (backbone.get_layer(name).kernel for name in ("first", "second"))
    assert factors[id(second)] == 0.5
    assert factors[id(first)] == 0.25
    assert len(factors) == 4


def test_mixing_acts_in_training_alone():
    """The mixer swaps the two images with labels and weights."""
    backbone = keras.Sequential([keras.Input((1, 1, 1)), keras.layers.Identity()])
    head = keras.Sequential([keras.Input((1, 1, 1)), keras.layers.Flatten(), logit_of_two()])
    seen = []

    def swap(pixels, labels):
        seen.append((pixels.numpy().ravel(), labels.numpy()))
        return pixels[::-1], labels[::-1]

    network = TunedNetwork(backbone, head, swap)
    network.compile("sgd", keras.losses.CategoricalCrossentropy())
    pixels = np.array([3, 8], np.uint8).reshape(2, 1, 1, 1)
    weights = np.array([1, 5], np.float32)
    batch = [tf.constant(part) for part in (pixels, np.eye(2, dtype=np.float32), weights)]
    network.train_on(batch)
    np.testing.assert_array_equal(seen[0][0], [3, 8])
    np.testing.assert_array_equal(seen[0][1], [[1, 0, 1], [0, 1, 5]])
    network.test_on(batch)
    assert len(seen) == 1


def logit_of_two():
    return keras.layers.Dense(2, "softmax")


def test_where_tuning_is_no_better_the_warm_up_is_kept_and_said(dataset, tmp_path, capsys):
    configure(3, 2)
    backbone = build_backbone("cnn", (SIDE, SIDE), "none")
    set_trainable(backbone, "all", "none")
    head = build_head(backbone.output_shape[1:], 2, "none", PLAIN)
    network = TunedNetwork(backbone, head)
    batches = batches_of(dataset, tmp_path)
    before = [weight.numpy().copy() for weight in (*backbone.weights, *head.weights)]
    warmup = [{"epoch": 1, "val_loss": -1.0, "loss": 0.5}]
    history = tune(network, SETTINGS, batches, batches, warmup)
    assert [(row["epoch"], row["phase"]) for row in history] == [
        (1, "warm-up"),
        (2, "tuning"),
        (3, "tuning"),
    ]
    for weight, old in zip((*backbone.weights, *head.weights), before, strict=True):
        np.testing.assert_array_equal(weight.numpy(), old)
    assert "no epoch of tuning had a better val_loss than the warm-up" in capsys.readouterr().err


def test_histories_are_joined_by_phase_with_epochs_counted_on():
    rows = [{"epoch": 1, "loss": 0.5}, {"epoch": 2, "loss": 0.4}]
    assert join_histories(rows, rows[:1]) == [
        {"epoch": 1, "loss": 0.5, "phase": "warm-up"},
        {"epoch": 2, "loss": 0.4, "phase": "warm-up"},
        {"epoch": 3, "loss": 0.5, "phase": "tuning"},
    ]
    start = {"epoch": 0, "loss": 0.6}
    assert [row["epoch"] for row in join_histories([start, *rows], rows)] == [0, 1, 2, 3, 4]
    assert join_histories([], rows[:1]) == [{"epoch": 1, "loss": 0.5, "phase": "tuning"}]
