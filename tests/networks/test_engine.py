"""Engines: the rule that chooses one, their agreement with Keras, and what stops them."""

import numpy as np
import pytest
import tensorflow as tf

from common.errors import StageError
from networks import engine, heads
from networks.backbones.build import build_backbone
from networks.engine import (
    BFLOAT16,
    FLOAT32,
    OPENVINO,
    TENSORFLOW,
    Engine,
    FrozenNetwork,
    choose_engine,
    frozen_backbone,
    frozen_classifier,
)
from tests.helpers.network_maps import photographs, randomise
from tests.helpers.training_sets import PLAIN

SIZE = (64, 80)
ENGINES = [Engine(OPENVINO, FLOAT32), Engine(TENSORFLOW, FLOAT32)]


def chosen(engine_cpu="auto", precision="auto", backbones=("resnet50",)):
    return choose_engine(engine_cpu, precision, list(backbones), "extract")


@pytest.mark.parametrize(
    ("asked", "backbones", "avx2", "installed", "expected"),
    [
        ("auto", ["efficientnet_lite0"], True, True, OPENVINO),
        ("auto", ["efficientnet_lite0"], False, True, TENSORFLOW),
        ("auto", ["efficientnet_lite0"], True, False, TENSORFLOW),
        ("auto", ["vgg16"], True, True, TENSORFLOW),
        ("auto", ["vgg16", "resnet50"], True, True, OPENVINO),
        ("openvino", ["vgg16"], False, True, OPENVINO),
        ("tensorflow", ["efficientnet_lite0"], True, True, TENSORFLOW),
    ],
)
def test_the_rule(monkeypatch, asked, backbones, avx2, installed, expected):
    monkeypatch.setattr(engine, "_has_avx2", lambda: avx2)
    monkeypatch.setattr(engine.importlib.util, "find_spec", lambda name: installed or None)
    assert chosen(asked, backbones=backbones) == Engine(expected, FLOAT32)


def test_openvino_that_is_asked_for_and_missing_is_named(monkeypatch):
    monkeypatch.setattr(engine.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(StageError, match=r"package openvino .* not installed\. Install"):
        chosen("openvino")


def test_bfloat16_only_where_it_is_asked_for_and_computed(monkeypatch, capsys):
    monkeypatch.setattr(engine, "_capabilities", lambda: ["FP32", "BF16"])
    assert chosen(precision="auto").precision == FLOAT32
    assert chosen(precision="float32").precision == FLOAT32
    assert chosen(precision="bfloat16").precision == BFLOAT16
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(engine, "_capabilities", lambda: ["FP32"])
    assert chosen(precision="bfloat16").precision == FLOAT32
    assert "bfloat16 has no effect on this processor" in capsys.readouterr().err


def images(n, seed=0, size=SIZE):
    return np.random.default_rng(seed).integers(0, 256, (n, *size, 3), np.uint8)


@pytest.fixture(scope="module")
def network():
    backbone = build_backbone(["cnn", "mobilenet"], SIZE, "none")
    randomise(backbone, photographs(SIZE))
    return backbone, heads.build_head(backbone.output_shape[1:], 3, "cbam", PLAIN)


@pytest.mark.parametrize("kind", ENGINES)
def test_both_give_what_keras_gives(network, kind):
    backbone, head = network
    pixels = images(5)
    expected = backbone(pixels.astype(np.float32), training=False).numpy()
    (maps,) = frozen_backbone(backbone, kind)(pixels)
    assert maps.dtype == np.float32
    np.testing.assert_allclose(maps, expected, atol=1e-3 * np.abs(expected).max())
    both = frozen_classifier(backbone, head, kind)(pixels)
    np.testing.assert_allclose(both[0], maps, atol=1e-4 * np.abs(expected).max())
    answer = head(expected, training=False).numpy()
    np.testing.assert_allclose(both[1], answer, atol=1e-3)


def test_openvino_gives_the_same_bytes_in_any_batch_and_on_any_number_of_cores(
    network, monkeypatch
):
    pixels = images(7)
    answers = []
    for cores in (1, 2, 3):
        monkeypatch.setattr(engine, "cores", lambda cores=cores: cores)
        frozen = frozen_backbone(network[0], ENGINES[0])
        answers.append(frozen(pixels)[0])
        parts = [frozen(pixels[batch])[0] for batch in (slice(0, 3), slice(3, 4), slice(4, 7))]
        answers.append(np.concatenate(parts))
        answers.append(frozen(pixels[::-1])[0][::-1])
    for answer in answers[1:]:
        np.testing.assert_array_equal(answer, answers[0])


@pytest.mark.parametrize("kind", ENGINES)
def test_weights_are_those_of_the_time_it_was_made(network, kind):
    backbone, pixels = network[0], images(2)
    frozen, kept = frozen_backbone(backbone, kind), backbone.get_weights()
    before = frozen(pixels)[0]
    backbone.set_weights([0 * weight for weight in kept])
    np.testing.assert_array_equal(frozen(pixels)[0], before)
    backbone.set_weights(kept)


@pytest.mark.parametrize("kind", ENGINES)
def test_several_outputs_keep_their_order(kind):
    def compute(pixels):
        means = tf.reduce_mean(pixels, axis=(1, 2, 3))
        return [means * factor for factor in range(1, 13)]

    pixels = np.full((2, 4, 4, 3), 7, np.uint8)
    outputs = FrozenNetwork(compute, (4, 4), kind, None)(pixels)
    assert [output[0] for output in outputs] == pytest.approx([7 * f for f in range(1, 13)])


def test_pixels_between_two_levels_keep_their_fraction():
    def compute(pixels):
        return [tf.reduce_max(pixels, axis=(1, 2, 3))]

    for kind in ENGINES:
        frozen = FrozenNetwork(compute, (4, 4), kind, None, tf.float32)
        assert frozen(np.full((1, 4, 4, 3), 0.25))[0] == 0.25


def test_a_stream_is_what_its_batches_are(network):
    pixels = images(9)
    frozen = frozen_backbone(network[0], ENGINES[0])
    batches = (pixels[batch] for batch in (slice(0, 4), slice(4, 8), slice(8, 9)))
    streamed = np.concatenate([maps for (maps,) in frozen.stream(batches)])
    np.testing.assert_array_equal(streamed, frozen(pixels)[0])
    assert list(frozen.stream(iter(()))) == []


def broken(network, change):
    """An engine of which `change` gets the number of the call and its outputs."""
    frozen = frozen_backbone(network[0], ENGINES[0])
    right, calls = frozen._run, []

    def run(pixels):
        calls.append(len(pixels))
        return [change(len(calls), output) for output in right(pixels)]

    frozen._run = run
    return frozen


def test_an_engine_that_differs_from_tensorflow_is_stopped_before_its_first_output(network):
    frozen = broken(network, lambda call, output: output + 0.01 * output.max())
    with pytest.raises(StageError, match=r"apart from TensorFlow's\. Set compute\.engine_cpu"):
        next(frozen.stream([images(2)]))
    nothing = broken(network, lambda call, output: np.full_like(output, np.nan))
    with pytest.raises(StageError, match="apart from TensorFlow"):
        next(nothing.stream([images(2)]))


def test_an_engine_that_changes_after_some_calls_is_stopped_at_the_end(network):
    frozen = broken(network, lambda call, output: output + 1e-6 * (call > 3))
    with pytest.raises(StageError, match="the same images twice gave two results"):
        list(frozen.stream([images(2), images(2, 1)]))


def test_a_network_that_openvino_cannot_convert_is_named():
    def compute(pixels):
        return [tf.numpy_function(lambda x: x, [pixels], tf.float32)]

    with pytest.raises(StageError, match=r"OpenVINO can convert.*engine_cpu to tensorflow"):
        FrozenNetwork(compute, (4, 4), ENGINES[0], None)


def test_bfloat16_is_less_exact_and_near(network):
    pixels = images(3)
    exact = frozen_backbone(network[0], ENGINES[1])(pixels)[0]
    for name in (OPENVINO, TENSORFLOW):
        if name == OPENVINO and "BF16" not in engine._capabilities():
            continue
        frozen = frozen_backbone(network[0], Engine(name, BFLOAT16))
        frozen.compare(pixels)
        difference = np.abs(frozen(pixels)[0] - exact).max() / np.abs(exact).max()
        assert 1e-5 < difference < 0.1
    policies = {layer.dtype_policy.name for layer in network[0]._flatten_layers()}
    assert policies == {"float32"}
