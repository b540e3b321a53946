"""The start of a head: as the linear model, whatever its attention and pooling."""

import numpy as np
import pytest

from common.params import read_params
from networks.attention import ATTENTIONS
from networks.heads import NORMS, POOLINGS, build_head
from stages.train.data import open_data, read_split_maps
from stages.train.linear_start import (
    LinearScores,
    below_linear,
    below_linear_warning,
    fit_baseline,
    possible_model,
    start_head,
)
from tests.helpers.pipeline import ROOT
from tests.helpers.training_sets import TRAIN

MODEL = read_params(ROOT / "params.yaml").model
N_CLASSES = 3


def model_of(attention="none", trainable="none", weights="imagenet", **head):
    changed = MODEL.head.model_copy(update=head)
    return MODEL.model_copy(
        update={
            "attention": attention, "head": changed, "trainable": trainable, "weights": weights,
        }
    )  # fmt: skip


@pytest.fixture(scope="module")
def data(whole_run):
    return open_data(*map(whole_run.path, ("dataset", "sampling/train.parquet", "features")))


@pytest.fixture(scope="module")
def baseline(data):
    return fit_baseline(data, 1)


def started(model, data, baseline):
    n_classes = len(data.splits["train"].class_names)
    maps = read_split_maps(data, (2, 2, 1280))
    head = build_head((2, 2, 1280), n_classes, model.attention, model.head)
    start_head(head, model, baseline[0], maps["train"], data, 1)
    return head, maps["val"][:, 0].astype(np.float32)


@pytest.mark.parametrize("attention", ATTENTIONS)
def test_before_its_first_step_a_head_is_the_linear_model(attention, data, baseline):
    head, maps = started(model_of(attention), data, baseline)
    label = data.splits["val"].label
    probabilities = head(maps, training=False).numpy()
    loss = -np.log(probabilities[np.arange(len(label)), label]).mean()
    assert loss == pytest.approx(baseline[1].val_loss, rel=1e-3)
    assert (probabilities.argmax(axis=1) == label).mean() == baseline[1].val_accuracy


@pytest.mark.parametrize("norm", NORMS)
def test_so_it_is_with_every_norm(norm, data, baseline):
    head, maps = started(model_of(norm=norm), data, baseline)
    expected = np.exp(baseline[0].log_probabilities(maps.mean(axis=(1, 2))))
    np.testing.assert_allclose(head(maps, training=False).numpy(), expected, atol=1e-4)


@pytest.mark.parametrize("pooling", [name for name in POOLINGS if name != "avg"])
def test_with_another_pooling_it_is_the_linear_model_of_those_vectors(pooling, data, baseline):
    head, maps = started(model_of(pooling=pooling), data, baseline)
    label = data.splits["train"].label
    train = read_split_maps(data, (2, 2, 1280))["train"][:, 0].astype(np.float32)
    right = head(train, training=False).numpy().argmax(axis=1) == label
    assert right.mean() > 0.9
    norm = head.get_layer("norm")
    standardised = (maps - norm.moving_mean.numpy()) / np.sqrt(norm.moving_variance.numpy())
    if pooling == "max":
        kernel, bias = head.get_layer("logits").get_weights()
        scores = standardised.max(axis=(1, 2)) @ kernel + bias
        if scores.shape[1] == 1:
            expected = 1 / (1 + np.exp(-scores[:, 0]))
            np.testing.assert_allclose(
                head(maps, training=False).numpy()[:, 1], expected, atol=1e-3
            )


def test_auto_is_the_penalty_of_the_linear_model_and_a_number_is_itself(data, baseline):
    n_outputs = len(data.splits["train"].class_names)
    share = 4 if n_outputs == 2 else 2
    for l2, expected in (("auto", baseline[0].l2 / share), (0.25, 0.25)):
        head, _ = started(model_of(l2=l2), data, baseline)
        assert float(head.get_layer("logits").kernel.regularizer.l2) == pytest.approx(expected)


def test_a_random_start_keeps_its_weights_and_batch_statistics(data, baseline):
    model = model_of(start="random", norm="batch")
    head, _ = started(model, data, baseline)
    fresh = build_head((2, 2, 1280), len(data.splits["train"].class_names), "none", model.head)
    for left, right in zip(head.get_weights(), fresh.get_weights(), strict=True):
        np.testing.assert_array_equal(left, right)


def test_without_cached_maps_a_head_starts_at_random_with_batch_statistics():
    assert possible_model(model_of()) == model_of()
    assert possible_model(model_of(trainable="all")) == model_of(trainable="all")
    changed = possible_model(model_of(trainable="all", weights="none")).head
    assert (changed.start, changed.norm) == ("random", "batch")
    assert possible_model(model_of(norm="none", trainable=2, weights="none")).head.norm == "none"


LINEAR = LinearScores(val_accuracy=0.9, val_loss=0.3, l2=0.1)


@pytest.mark.parametrize(
    ("changes", "loss", "accuracy", "below"),
    [
        ({}, 0.31, 0.95, True),
        ({}, 0.29, 0.85, False),
        ({}, 0.3, 0.9, False),
        ({"monitor": "val_accuracy"}, 0.4, 0.9, False),
        ({"monitor": "val_accuracy"}, 0.2, 0.89, True),
        ({"loss": "focal"}, 0.1, 0.89, True),
        ({"label_smoothing": 0.1}, 0.5, 0.9, False),
    ],
)
def test_a_run_below_the_linear_model_is_named(changes, loss, accuracy, below):
    best = {"val_loss": loss, "val_accuracy": accuracy}
    assert below_linear(best, LINEAR, TRAIN.model_copy(update=changes)) == below
    assert "0.9000 and 0.3000" in below_linear_warning(best, LINEAR)
