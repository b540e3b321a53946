"""The head: its pooling, its output for two and for more classes, and its way to disk."""

import keras
import numpy as np
import pytest

from common.errors import StageError
from common.schema import Head
from networks import heads
from networks.attention import ATTENTIONS
from networks.backbones.build import build_backbone
from networks.cam import head_activations, heat_map
from networks.logits import class_scores
from stages.train.fitting import fit
from tests.helpers.training_sets import PLAIN, TRAIN, batches_of

FULL = Head(
    start="random",
    noise=0.1,
    norm="batch",
    pooling="max",
    dropout=0.3,
    units=8,
    activation="gelu",
    l2=1e-3,
    output="auto",
)
LINEAR = PLAIN.model_copy(update={"start": "linear", "norm": "standardise", "l2": "auto"})
BOTH = PLAIN.model_copy(update={"pooling": "avgmax"})
GEM = FULL.model_copy(update={"pooling": "gem"})


def maps_of(n=4, shape=(3, 5, 16), seed=0):
    return np.random.default_rng(seed).normal(size=(n, *shape)).astype(np.float32)


@pytest.mark.parametrize("block", ATTENTIONS)
@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("settings", [PLAIN, FULL, BOTH, GEM, LINEAR])
def test_every_head_gives_probabilities_and_comes_back_from_disk(
    tmp_path, block, n_classes, settings
):
    head = heads.build_head((3, 5, 16), n_classes, block, settings)
    probabilities = head(maps_of(), training=False).numpy()
    assert probabilities.shape == (4, n_classes)
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)
    assert (probabilities >= 0).all()
    head.save(tmp_path / "head.keras")
    again = keras.saving.load_model(tmp_path / "head.keras")
    np.testing.assert_array_equal(again(maps_of(), training=False).numpy(), probabilities)
    logits = head.get_layer("logits").output
    assert logits.shape[-1] == (1 if n_classes == 2 else n_classes)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("avg", [1.5, -1]),
        ("max", [3, 0]),
        ("avgmax", [1.5, -1, 3, 0]),
        ("gem", [((0 + 1 + 8 + 27) / 4) ** (1 / 3), 1e-6]),
    ],
)
def test_pooling_by_hand(name, expected):
    maps = np.array([[[[0, 0], [1, -4]], [[2, 0], [3, 0]]]], np.float32)
    inputs = keras.Input(maps.shape[1:])
    model = keras.Model(inputs, heads.POOLINGS[name](inputs))
    np.testing.assert_allclose(model(maps).numpy(), [expected], rtol=1e-5)


def test_the_generalised_mean_has_a_gradient_where_maps_are_zero():
    maps = np.zeros((2, 1, 2, 2, 2), np.float32)
    maps[1, 0, 0, 0, 0] = 1
    head = heads.build_head((2, 2, 2), 2, "none", PLAIN.model_copy(update={"pooling": "gem"}))
    settings = TRAIN.model_copy(update={"epochs": 1})
    batches = batches_of(maps, np.array([0, 1]))
    (row,) = fit(head, settings, batches, batches)
    assert np.isfinite(row["loss"])
    assert all(np.isfinite(weight.numpy()).all() for weight in head.weights)
    heat = heat_map("gradcam", head_activations(head)(maps[:, 0], np.array([0, 1])))
    assert np.isfinite(heat).all()


@pytest.mark.parametrize("output", ["auto", "sigmoid"])
def test_two_classes_share_one_logit(output):
    head = heads.build_head((3, 5, 16), 2, "none", PLAIN.model_copy(update={"output": output}))
    maps = maps_of()
    logit = keras.Model(head.input, head.get_layer("logits").output)(maps).numpy()
    scores = class_scores(head)(maps).numpy()
    np.testing.assert_allclose(scores, np.c_[-logit, logit])
    np.testing.assert_allclose(head(maps).numpy()[:, 1], 1 / (1 + np.exp(-logit[:, 0])), atol=1e-6)


@pytest.mark.parametrize(("n_classes", "output"), [(2, "softmax"), (4, "softmax"), (4, "auto")])
def test_a_softmax_has_a_logit_for_each_class(tmp_path, n_classes, output):
    settings = PLAIN.model_copy(update={"output": output})
    head = heads.build_head((3, 5, 16), n_classes, "none", settings)
    maps = maps_of()
    kernel = head.get_layer("logits").kernel.numpy()
    assert kernel.shape == (16, n_classes)
    logits = maps.mean(axis=(1, 2)) @ kernel
    np.testing.assert_allclose(class_scores(head)(maps).numpy(), logits, atol=1e-5)
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    probabilities = head(maps).numpy()
    np.testing.assert_allclose(probabilities, expected, atol=1e-6)
    head.save(tmp_path / "head.keras")
    again = keras.saving.load_model(tmp_path / "head.keras")
    np.testing.assert_array_equal(again(maps).numpy(), probabilities)
    heat = heat_map("gradcam", head_activations(head)(maps, np.zeros(4, int)))
    weights = np.maximum(maps @ kernel[:, 0], 0)  # of mean and dense layer: the kernel / positions
    np.testing.assert_allclose(heat, weights / weights.max(axis=(1, 2), keepdims=True), atol=1e-4)


def test_a_sigmoid_of_more_than_two_classes_is_refused():
    settings = PLAIN.model_copy(update={"output": "sigmoid"})
    with pytest.raises(StageError, match=r"Expected two classes .* Received: 3 classes"):
        heads.build_head((3, 5, 16), 3, "none", settings)


def test_weights_and_dropout_are_the_same_whatever_was_built_before():
    """A step of training draws noise and dropout, too."""
    maps, label = maps_of(8)[:, None].astype(np.float16), np.arange(8) % 2
    settings = TRAIN.model_copy(update={"epochs": 2})

    def train():
        head = heads.build_head((3, 5, 16), 2, "mha", FULL)
        before = head.get_weights()
        batches = batches_of(maps, label)
        return before, fit(head, settings, batches, batches)

    before, history = train()
    build_backbone("cnn", (32, 32), "none")
    again, history_again = train()
    for left, right in zip(before, again, strict=True):
        np.testing.assert_array_equal(left, right)
    assert history == history_again
    kernels = [weight for weight in before if weight.shape == (16, 4, 64)]
    assert len(kernels) == 3  # of query, key and value
    assert not np.array_equal(kernels[0], kernels[1])


def moments_of(maps):
    vectors = maps.mean(axis=(1, 2))
    return vectors.mean(axis=0), vectors.std(axis=0)


def softmax(scores):
    return np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)


@pytest.mark.parametrize("norm", heads.NORMS)
@pytest.mark.parametrize("block", ATTENTIONS)
@pytest.mark.parametrize(("n_classes", "units"), [(2, 0), (4, 0), (3, 6)])
def test_a_head_begins_as_the_linear_model_it_is_given(norm, block, n_classes, units):
    maps = maps_of(8) + 2
    settings = LINEAR.model_copy(update={"norm": norm, "units": units, "noise": 0.1})
    head = heads.build_head((3, 5, 16), n_classes, block, settings)
    heads.set_moments(head, *moments_of(maps))
    rng = np.random.default_rng(1)
    kernel, bias = rng.normal(size=(16, n_classes)), rng.normal(size=n_classes)
    heads.start_linear(head, *heads.through_norm(head, kernel, bias))
    expected = softmax(maps.mean(axis=(1, 2)) @ kernel + bias)
    np.testing.assert_allclose(head(maps, training=False).numpy(), expected, atol=2e-4)


def test_standardised_maps_have_mean_zero_and_deviation_one_in_training_too():
    maps = maps_of(50) * np.arange(1, 17) + 5
    head = heads.build_head((3, 5, 16), 2, "none", LINEAR)
    heads.set_moments(head, *moments_of(maps))
    vectors = heads.pooled_vectors(head)(maps, training=True).numpy()
    np.testing.assert_allclose(vectors.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(vectors.std(axis=0), 1, rtol=1e-5)
    assert [weight.path for weight in head.trainable_weights] == ["logits/kernel", "logits/bias"]


@pytest.mark.parametrize(("n_classes", "factor"), [(2, 0.5), (3, 1.0)])
def test_the_penalty_of_a_started_head_is_that_of_the_linear_model(n_classes, factor):
    """Of two classes with opposite columns, too, whose difference is the one that is kept."""
    head = heads.build_head((3, 5, 16), n_classes, "none", LINEAR)
    kernel = np.random.default_rng(1).normal(size=(16, n_classes))
    kernel -= kernel.mean(axis=1, keepdims=True)
    heads.start_linear(head, kernel, np.zeros(n_classes), 0.3)
    assert float(sum(head.losses)) == pytest.approx(0.3 * np.square(kernel).sum(), rel=1e-5)
    again = keras.Model.from_config(head.get_config()).get_layer("logits").kernel_regularizer
    assert float(again.l2) == pytest.approx(0.3 * factor)


def test_without_a_linear_model_auto_is_a_small_penalty():
    head = heads.build_head((3, 5, 16), 3, "none", PLAIN.model_copy(update={"l2": "auto"}))
    squares = np.square(head.get_layer("logits").kernel.numpy()).sum()
    assert float(sum(head.losses)) == pytest.approx(heads.AUTO_L2 * squares)
