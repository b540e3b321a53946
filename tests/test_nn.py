"""Attention, heads, the composed and saved model, training batches and Grad-CAM."""

import json
import zipfile

import keras
import numpy as np
import pytest

from stages.common.errors import StageError
from stages.common.files import sha256_of
from stages.common.params import Augment, Head, Train
from stages.common.tables import Sampling
from stages.nn import attention, classifier, heads
from stages.nn.augment import build_augmenter
from stages.nn.backbones import build_backbone
from stages.nn.features import MapBatches
from stages.nn.gradcam import grad_cam, overlay
from stages.nn.runtime import configure
from stages.nn.training import build_optimizer, fit

BLOCKS = ["none", "se", "cbam", "pool", "mha"]
PLAIN = Head(noise=0.0, norm=False, pooling="avg", dropout=0.0, units=0, activation="relu", l2=0.0)
FULL = Head(noise=0.1, norm=True, pooling="max", dropout=0.3, units=8, activation="gelu", l2=1e-3)
TRAIN = Train(
    epochs=30,
    batch_size=8,
    optimizer="adam",
    learning_rate=0.02,
    schedule="constant",
    label_smoothing=0.0,
    patience=30,
)


def maps_of(n=4, shape=(3, 5, 16), seed=0):
    return np.random.default_rng(seed).normal(size=(n, *shape)).astype(np.float32)


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("settings", [PLAIN, FULL])
def test_every_head_gives_probabilities_and_comes_back_from_disk(
    tmp_path, block, n_classes, settings
):
    head = heads.build_head((3, 5, 16), n_classes, block, settings)
    found = head(maps_of(), training=False).numpy()
    assert found.shape == (4, n_classes)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-6)
    assert (found >= 0).all()
    head.save(tmp_path / "head.keras")
    again = keras.saving.load_model(tmp_path / "head.keras")
    np.testing.assert_array_equal(again(maps_of(), training=False).numpy(), found)
    logits = head.get_layer("logits").output
    assert logits.shape[-1] == (1 if n_classes == 2 else n_classes)


def run_block(block, maps):
    inputs = keras.Input(maps.shape[1:])
    model = keras.Model(inputs, attention.attend(block, inputs))
    return model, model(maps, training=False).numpy()


def test_unknown_attention_is_named():
    with pytest.raises(ValueError, match="name='sea'"):
        attention.attend("sea", keras.Input((3, 3, 8)))


def test_squeeze_and_excitation_by_hand():
    maps = maps_of()
    model, found = run_block("se", maps)
    reduce, expand = model.get_layer("se_reduce"), model.get_layer("attention_weights")
    hidden = np.maximum(maps.mean(axis=(1, 2)) @ reduce.kernel.numpy(), 0)
    weights = 1 / (1 + np.exp(-hidden @ expand.kernel.numpy()))
    np.testing.assert_allclose(found, maps * weights[:, None, None], rtol=1e-4, atol=1e-5)


def test_pooling_attention_is_a_weighted_mean_of_positions():
    maps = maps_of()
    model, found = run_block("pool", maps)
    readable = keras.Model(model.input, model.get_layer("attention_weights").output)
    weights = readable(maps).numpy()
    assert weights.shape == (4, 15, 1)
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-6)
    positions = maps.reshape(4, 15, 16)
    np.testing.assert_allclose(found, (weights * positions).sum(axis=1), rtol=1e-4, atol=1e-5)
    content, gate, score = (
        model.get_layer(f"pool_{name}").kernel.numpy() for name in ("content", "gate", "scores")
    )
    scores = (np.tanh(positions @ content) / (1 + np.exp(-(positions @ gate)))) @ score
    expected = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(weights, expected, rtol=1e-4)


@pytest.mark.parametrize("block", ["se", "cbam"])
def test_gates_only_weaken(block):
    maps = maps_of()
    _, found = run_block(block, maps)
    assert found.shape == maps.shape
    assert (np.abs(found) <= np.abs(maps) + 1e-6).all()


def test_self_attention_mixes_positions_and_normalises():
    maps = maps_of()
    _, found = run_block("mha", maps)
    assert found.shape == maps.shape
    np.testing.assert_allclose(found.mean(axis=-1), 0, atol=1e-5)
    changed = maps.copy()
    changed[:, 0, 0] += 3 * maps_of(seed=1)[:, 0, 0]
    _, other = run_block("mha", changed)
    assert not np.allclose(found[:, 2, 4], other[:, 2, 4], atol=1e-4)


def test_two_classes_share_one_logit():
    head = heads.build_head((3, 5, 16), 2, "none", PLAIN)
    maps = maps_of()
    logit = keras.Model(head.input, head.get_layer("logits").output)(maps).numpy()
    scores = heads.class_scores(head)(maps).numpy()
    np.testing.assert_allclose(scores, np.c_[-logit, logit])
    np.testing.assert_allclose(head(maps).numpy()[:, 1], 1 / (1 + np.exp(-logit[:, 0])), atol=1e-6)


@pytest.fixture(scope="module")
def composed():
    configure(3, 2)
    backbone = build_backbone("efficientnet_lite0", (64, 64), "imagenet")
    head = heads.build_head(backbone.output_shape[1:], 3, "cbam", FULL)
    return backbone, head, classifier.compose(backbone, head)


CARD = {"class_names": list("abc"), "image_size": [64, 64], "resize": "crop", "max_pixels": 9}


def pixels_of(n=3):
    return np.random.default_rng(1).integers(0, 256, (n, 64, 64, 3)).astype(np.float32)


def test_the_saved_model_is_whole_and_opens_again(tmp_path, composed):
    backbone, head, model = composed
    classifier.save_classifier(tmp_path, model, CARD)
    opened = classifier.load_classifier(tmp_path)
    expected = head(backbone(pixels_of(), training=False), training=False).numpy()
    np.testing.assert_allclose(opened.model(pixels_of()).numpy(), expected, atol=1e-6)
    maps = opened.backbone(pixels_of())
    np.testing.assert_allclose(opened.head(maps).numpy(), expected, atol=1e-6)
    assert opened.model.input_shape == (None, 64, 64, 3)
    assert opened.class_names == ["a", "b", "c"]
    assert (opened.image_size, opened.resize, opened.max_pixels) == ((64, 64), "crop", 9)


def test_equal_models_are_equal_bytes_and_need_no_code_of_ours(tmp_path, composed):
    model = composed[2]
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        classifier.save_classifier(tmp_path / name, model, CARD)
    files = [tmp_path / name / classifier.MODEL_FILE for name in ("one", "two")]
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


def test_a_model_whose_bytes_changed_is_refused(tmp_path, composed):
    classifier.save_classifier(tmp_path, composed[2], CARD)
    file = tmp_path / classifier.MODEL_FILE
    checksum = sha256_of(file)
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    with pytest.raises(StageError, match=f"with sha256 {checksum}"):
        classifier.load_classifier(tmp_path)
    file.unlink()
    with pytest.raises(StageError, match=r"no classifier\.keras"):
        classifier.load_classifier(tmp_path)


def views(n=6, count=3):
    """Maps that say which row and view they are: value 10 * row + view."""
    values = 10 * np.arange(n)[:, None] + np.arange(count)
    return values[..., None, None, None].astype(np.float16)


def seen(batches):
    drawn = [batches[i] for i in range(len(batches))]
    maps, labels, _ = (np.concatenate(parts) for parts in zip(*drawn, strict=True))
    return maps.ravel().astype(int).tolist(), labels


def sampling_of(rows, times, weights=None):
    ones = np.ones(len(rows), np.float32)
    return Sampling(np.array(rows), np.array(times), ones if weights is None else weights)


def test_repeats_use_other_views_and_epochs_too():
    sampling = sampling_of([0, 1, 2, 2, 2], [0, 0, 0, 1, 2])
    label = np.array([0, 0, 1, 1, 1, 1])
    batches = MapBatches(views(), label, 2, sampling, batch_size=2, seed=1)
    assert len(batches) == 3
    batches.on_epoch_begin()
    first, labels = seen(batches)
    assert sorted(first) == [0, 10, 20, 21, 22]
    assert labels.shape == (5, 2)
    assert labels[np.array(first) >= 20].tolist() == [[0, 1]] * 3
    batches.on_epoch_begin()
    second, _ = seen(batches)
    assert sorted(second) == [1, 11, 20, 21, 22]
    again = MapBatches(views(), label, 2, sampling, batch_size=2, seed=1)
    again.on_epoch_begin()
    assert seen(again)[0] == first


def test_fit_passes_every_sample_once_an_epoch_in_the_views_of_that_epoch():
    """What Keras really feeds: it calls on_epoch_end before the first epoch."""
    label = np.array([0, 1] * 3)
    batches = MapBatches(views(), label, 2, Sampling.plain(6), batch_size=4, seed=0)
    drawn = []

    class Spy(keras.Model):
        def train_step(self, data):
            drawn.append(data[0].numpy().ravel())
            return super().train_step(data)

    inputs = keras.Input((1, 1, 1))
    outputs = keras.layers.Dense(2, "softmax")(keras.layers.Flatten()(inputs))
    model = Spy(inputs, outputs)
    model.compile("sgd", "categorical_crossentropy", run_eagerly=True)
    model.fit(batches, epochs=3, shuffle=False, verbose=0)
    values = np.concatenate(drawn).astype(int)
    assert len(values) == 18
    for epoch in range(3):
        own = sorted(values[6 * epoch : 6 * epoch + 6].tolist())
        assert own == [10 * row + epoch for row in range(6)]


def separable(n=60, seed=0):
    rng = np.random.default_rng(seed)
    label = np.arange(n) % 2
    maps = rng.normal(size=(n, 1, 3, 3, 8)).astype(np.float32)
    maps[:, :, 1, 1, 0] += 6 * (2 * label[:, None] - 1)
    return maps.astype(np.float16), label


def batches_of(maps, label, batch_size=8):
    return MapBatches(maps, label, 2, Sampling.plain(len(label)), batch_size, 0)


def test_fit_learns_repeats_bit_for_bit_and_keeps_the_best_weights():
    found = []
    for _ in range(2):
        configure(5, 2)
        head = heads.build_head((3, 3, 8), 2, "pool", PLAIN)
        val = batches_of(*separable(seed=1))
        history = fit(head, TRAIN, batches_of(*separable()), val)
        found.append([weight.numpy() for weight in head.weights])
        losses = [row["val_loss"] for row in history]
        assert history[0]["epoch"] == 1
        assert max(row["val_accuracy"] for row in history) > 0.9
        kept = head.evaluate(val, verbose=0, return_dict=True)
        assert kept["loss"] == pytest.approx(min(losses), rel=1e-5)
    for one, two in zip(*found, strict=True):
        np.testing.assert_array_equal(one, two)


def test_weights_scale_loss_and_gradient_and_not_the_accuracy():
    """One step from zero, by hand: p is 0.5, the logit's gradient w (0.5 - y), SGD goes 1.9 lr."""
    maps = np.zeros((2, 1, 1, 1, 2), np.float16)
    maps[0, ..., 0] = maps[1, ..., 1] = 1
    head = heads.build_head((1, 1, 2), 2, "none", PLAIN)
    logits = head.get_layer("logits")
    logits.set_weights([np.zeros((2, 1)), np.zeros(1)])
    sampling = sampling_of([0, 1], [0, 0], np.array([3, 0.5], np.float32))
    batches = MapBatches(maps, np.array([0, 1]), 2, sampling, batch_size=2, seed=0)
    settings = TRAIN.model_copy(update={"optimizer": "sgd", "learning_rate": 0.1, "epochs": 1})
    (row,) = fit(head, settings, batches, batches_of(maps, np.array([0, 1])))
    assert row["loss"] == pytest.approx((3 + 0.5) / 2 * np.log(2), rel=1e-5)
    assert row["accuracy"] == 0.5
    gradient = np.array([3 * 0.5, 0.5 * -0.5]) / 2
    kernel, bias = logits.get_weights()
    np.testing.assert_allclose(kernel[:, 0], -0.19 * gradient, rtol=1e-4)
    np.testing.assert_allclose(bias, -0.19 * gradient.sum(), rtol=1e-4)
    moved = -0.19 * (gradient + gradient.sum())  # the two logits after the step; val has weights 1
    expected = np.mean([np.log1p(np.exp(moved[0])), np.log1p(np.exp(-moved[1]))])
    assert row["val_loss"] == pytest.approx(expected, rel=1e-4)


def test_early_stopping_waits_for_the_given_epochs():
    maps, label = separable()
    noise = np.random.default_rng(0).permutation(label)
    train = TRAIN.model_copy(update={"epochs": 100, "patience": 3})
    history = fit(
        heads.build_head((3, 3, 8), 2, "none", PLAIN),
        train,
        batches_of(maps, noise),
        batches_of(*separable(seed=2)),
    )
    losses = [row["val_loss"] for row in history]
    assert len(history) < 100
    assert len(history) - 1 - int(np.argmin(losses)) == 3


def test_a_loss_that_is_no_number_stops_training_and_is_named():
    maps, label = separable()
    maps[3] = np.nan
    with pytest.raises(StageError, match=r"Expected loss to be finite\. Received: nan in epoch 1"):
        fit(
            heads.build_head((3, 3, 8), 2, "none", PLAIN),
            TRAIN,
            batches_of(maps, label),
            batches_of(*separable()),
        )


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd"])
def test_the_schedule_ends_where_it_says(name):
    cosine = TRAIN.model_copy(update={"optimizer": name, "schedule": "cosine"})
    optimizer = build_optimizer(cosine, 100)
    assert optimizer.__class__.__name__.lower() == name
    rate = optimizer._learning_rate
    assert float(rate(0)) == pytest.approx(0.02)
    assert float(rate(50)) == pytest.approx(0.01)
    assert float(rate(100)) == pytest.approx(0, abs=1e-9)
    constant = build_optimizer(TRAIN.model_copy(update={"optimizer": name}), 100)
    assert float(constant.learning_rate) == pytest.approx(0.02)


def test_augmentation_acts_in_training_only_keeps_the_range_and_follows_the_seed():
    augment = Augment(
        views=2,
        flip=True,
        rotation=0.1,
        shift=0.1,
        zoom=0.1,
        shear=0.1,
        brightness=0.3,
        contrast=0.3,
    )
    pixels = pixels_of()
    augmenter = build_augmenter(augment, 1)
    np.testing.assert_array_equal(augmenter(pixels, training=False), pixels)
    changed = np.asarray(augmenter(pixels, training=True))
    assert changed.shape == pixels.shape
    assert not np.allclose(changed, pixels, atol=20)
    assert changed.min() >= 0
    assert changed.max() <= 255
    np.testing.assert_array_equal(
        np.asarray(build_augmenter(augment, 1)(pixels, training=True)), changed
    )
    still = augment.model_copy(
        update=dict.fromkeys(("rotation", "shift", "zoom", "shear", "brightness", "contrast"), 0.0)
        | {"flip": False}
    )
    np.testing.assert_array_equal(build_augmenter(still, 1)(pixels, training=True), pixels)


def corner_head():
    """A head whose right answer is known: class 2 is channel 0 at the upper left, times 3."""
    maps = keras.Input((4, 4, 2))
    corner = keras.layers.Cropping2D(((0, 3), (0, 3)))(maps)
    logits = keras.layers.Dense(3, use_bias=False, name="logits")(keras.layers.Flatten()(corner))
    head = keras.Model(maps, keras.layers.Softmax(name="probabilities")(logits))
    head.get_layer("logits").set_weights([np.array([[0, 1, 3.0], [0, -1, 0]], np.float32)])
    return head


def test_grad_cam_by_hand():
    maps = np.zeros((3, 4, 4, 2), np.float32)
    maps[:, 0, 0, 0] = 2
    maps[:, 3, 3, 0] = 1
    maps[:, 1, 2, 1] = 5
    heat = grad_cam(corner_head(), maps, np.array([2, 0, 1]))
    # Class 2: mean gradient 3/16 on channel 0, so the heat is channel 0 over its largest value.
    expected = np.zeros((4, 4))
    expected[0, 0], expected[3, 3] = 1, 0.5
    np.testing.assert_allclose(heat[0], expected, atol=1e-6)
    # Class 0 has no gradient at all; class 1 has 1/16 and -1/16, so that channel 1 is cut off.
    assert (heat[1] == 0).all()
    np.testing.assert_allclose(heat[2], expected, atol=1e-6)


def test_an_overlay_leaves_cold_places_alone():
    pixels = np.full((8, 8, 3), 100, np.uint8)
    assert np.array_equal(overlay(pixels, np.zeros((2, 2)), 0.5), pixels)
    hot = overlay(pixels, np.ones((2, 2)), 1.0)
    assert hot.shape == pixels.shape
    assert hot[0, 0, 0] > hot[0, 0, 2]  # red
