"""Attention, the composed and saved model, and training batches."""

import json
import zipfile

import keras
import numpy as np
import pytest

from common.errors import StageError
from common.files import sha256_of
from common.schema import Head
from common.tables import Sampling
from networks import attention, classifier, heads
from networks.backbones.build import build_backbone
from networks.maps import MapBatches
from networks.runtime import configure
from tests.helpers.training_sets import sampling_of

FULL = Head(
    noise=0.1,
    norm=True,
    pooling="max",
    dropout=0.3,
    units=8,
    activation="gelu",
    l2=1e-3,
    output="auto",
)


def maps_of(n=4, shape=(3, 5, 16), seed=0):
    return np.random.default_rng(seed).normal(size=(n, *shape)).astype(np.float32)


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
    reduce, expand = model.get_layer("se_reduce"), model.get_layer("channel_weights")
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


def run_with(block, maps, **weights):
    """The block's output and its `attention_weights`, with the kernels of some layers replaced."""
    inputs = keras.Input(maps.shape[1:])
    model = keras.Model(inputs, attention.attend(block, inputs))
    for name, kernel in weights.items():
        layer = model.get_layer(name)
        layer.set_weights([kernel, *layer.get_weights()[1:]])
    outputs = [model.output, model.get_layer("attention_weights").output]
    return [found.numpy() for found in keras.Model(inputs, outputs)(maps, training=False)]


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def test_spatial_attention_by_hand():
    """A kernel of the middle alone: 2 of the mean and -1 of the maximum at the same position."""
    maps = np.zeros((1, 2, 2, 4), np.float32)
    maps[0, 0, 1] = [1, 2, 3, 6]  # mean 3, maximum 6
    maps[0, 1, 0] = [0, -4, 0, 0]  # mean -1, maximum 0
    kernel = np.zeros((7, 7, 2, 1), np.float32)
    kernel[3, 3, :, 0] = [2, -1]
    found, weights = run_with("spatial", maps, attention_weights=kernel)
    expected = sigmoid(np.array([[0, 2 * 3 - 6], [2 * -1 - 0, 0]]))
    np.testing.assert_allclose(weights[0, ..., 0], expected, rtol=1e-6)
    np.testing.assert_allclose(found[0, 1, 0], [0, -4 * sigmoid(-2.0), 0, 0], rtol=1e-6)
    kernel[:] = 0
    kernel[3, 4, 1, 0] = 1  # the maximum one position to the right, and 0 beyond the edge
    _, weights = run_with("spatial", maps, attention_weights=kernel)
    np.testing.assert_allclose(weights[0, ..., 0], sigmoid(np.array([[6, 0], [0, 0]])), rtol=1e-6)


def test_global_attention_by_hand():
    """Eight hidden units for two channels; only the first is used, and looks one to the right."""
    maps = np.zeros((1, 1, 2, 2), np.float32)
    maps[0, 0] = [[1, 2], [3, -1]]
    reduce, expand = np.zeros((2, 8), np.float32), np.zeros((8, 2), np.float32)
    reduce[:, 0], expand[0] = [1, 1], [1, -1]  # hidden: 1 + 2 and 3 - 1
    look, last = np.zeros((7, 7, 2, 8), np.float32), np.zeros((7, 7, 8, 2), np.float32)
    look[3, 4, 0, 0], last[3, 3, 0] = 1, [0.5, -1]
    kernels = {"gam_reduce": reduce, "channel_weights": expand, "gam_look": look}
    found, weights = run_with("gam", maps, **kernels, attention_weights=last)
    gated = np.array([[sigmoid(3.0), 2 * sigmoid(-3.0)], [3 * sigmoid(2.0), -sigmoid(-2.0)]])
    right = gated[1, 0]  # what the left position sees; the right one sees the edge, 0
    expected = sigmoid(np.array([[0.5 * right, -right], [0, 0]]))
    np.testing.assert_allclose(weights[0, 0], expected, rtol=1e-5)
    np.testing.assert_allclose(found[0, 0], gated * expected, rtol=1e-5)


@pytest.mark.parametrize("block", ["se", "spatial", "cbam", "gam"])
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


@pytest.fixture(scope="module")
def composed():
    configure(3, 2)
    backbone = build_backbone("efficientnet_lite0", (64, 64), "imagenet")
    head = heads.build_head(backbone.output_shape[1:], 3, "cbam", FULL)
    return backbone, head, classifier.compose(backbone, head)


CARD = {
    "class_names": list("abc"),
    "image_size": [64, 64],
    "resize": "crop",
    "max_pixels": 9,
    "frozen": False,
}


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
    assert opened.frozen is False


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
