"""Graphs of models: what they return, how often they are traced, and who traces them."""

import ast

import keras
import numpy as np
import pytest
import tensorflow as tf

from networks import heads
from networks.backbones.build import build_backbone
from networks.forward import (
    batch_of,
    bfloat16_convolutions,
    class_gradients,
    constants,
    inference,
    layer_gradients,
    traced,
)
from networks.logits import class_scores
from tests.helpers.network_maps import photographs, randomise
from tests.helpers.pipeline import ROOT
from tests.helpers.training_sets import PLAIN

SIZE = (64, 80)
FOLDERS = ("app", "benchmarks", "common", "networks", "stages", "tools")


def dense() -> keras.Model:
    """(n, 2) to (n, 1): the sum of both columns."""
    inputs = keras.Input((2,))
    layer = keras.layers.Dense(1, use_bias=False)
    model = keras.Model(inputs, layer(inputs))
    layer.set_weights([np.ones((2, 1), np.float32)])
    return model


@pytest.fixture(scope="module")
def network():
    backbone = build_backbone("cnn", SIZE, "none")
    randomise(backbone, photographs(SIZE))
    return backbone, heads.build_head(backbone.output_shape[1:], 3, "pool", PLAIN)


def test_no_other_file_traces_graphs():
    files = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]
    tracing = set()
    for file in files:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and ast.unparse(node) in (
                "tf.function",
                "tensorflow.function",
            ):
                tracing.add(file.relative_to(ROOT).as_posix())
    assert tracing == {"networks/forward.py"}


def test_with_known_inputs_one_trace_serves_all_batches():
    shapes = []

    def total(batch):
        shapes.append(tuple(batch.shape))
        return tf.reduce_sum(batch)

    with_inputs, without_inputs = traced(total, tf.TensorSpec((None, 2), tf.float32)), traced(total)
    for n in (3, 5, 1):
        assert float(with_inputs(np.ones((n, 2), np.float32))) == 2 * n
    assert shapes == [(None, 2)]
    shapes.clear()
    for n in (3, 3, 5, 1):
        assert float(without_inputs(np.ones((n, 2), np.float32))) == 2 * n
    assert shapes == [(3, 2), (None, 2)]


def test_inference_follows_the_weights():
    model = dense()
    for forward in (inference(model), inference(model, batch_of(model))):
        answer = forward(np.array([[1, 2], [3, 4]], np.float32))
        assert isinstance(answer, np.ndarray)
        assert answer.tolist() == [[3], [7]]
        model.set_weights([np.full((2, 1), 2, np.float32)])
        assert forward(np.array([[1, 2]], np.float32)).tolist() == [[6]]
        model.set_weights([np.ones((2, 1), np.float32)])


def test_the_input_of_a_model_has_any_number_of_rows():
    assert batch_of(dense()) == tf.TensorSpec((None, 2), tf.float32)
    assert batch_of(dense(), tf.uint8).dtype == tf.uint8


def test_constants_give_what_the_function_gave_when_it_was_traced():
    model = dense()
    run = constants(lambda batch: [model(batch), batch + 1], batch_of(model))
    batch = tf.constant([[1.0, 2.0]])
    model.set_weights([np.zeros((2, 1), np.float32)])
    product, summed = run(batch)
    assert product.numpy().tolist() == [[3]]
    assert summed.numpy().tolist() == [[2, 3]]


def test_bfloat16_in_convolutions_alone_and_for_a_while(network):
    backbone = network[0]
    with bfloat16_convolutions(backbone):
        policies = {layer.name: layer.dtype_policy.name for layer in backbone.layers}
        assert policies["block3_conv1"] == "mixed_bfloat16"
        assert policies["block3_conv1_bn"] == "float32"
        assert {weight.dtype for weight in backbone.weights} == {"float32"}
    assert backbone.get_layer("block3_conv1").dtype_policy.name == "float32"


def test_gradients_of_a_linear_head_are_its_weights():
    maps = keras.Input((1, 1, 2))
    flat = keras.layers.Flatten()(maps)
    layer = keras.layers.Dense(3, use_bias=False)
    scores = keras.Model(maps, layer(flat))
    layer.set_weights([np.array([[1, 2, 3], [4, 5, 6]], np.float32)])
    batch = tf.ones((2, 1, 1, 2))
    gradients = class_gradients(scores)(batch, tf.constant([2, 0]))
    assert gradients.numpy().reshape(2, 2).tolist() == [[3, 6], [1, 4]]


def test_gradients_inside_a_network_end_where_those_of_the_head_begin(network):
    backbone, head = network
    split = keras.Model(backbone.input, [backbone.output, backbone.output])
    pixels, classes = tf.constant(photographs(SIZE)), tf.constant([1, 2])
    scores = class_scores(head)
    (maps,), (gradients,), last = layer_gradients([split], scores)(pixels, classes)
    np.testing.assert_array_equal(maps, last)
    expected = class_gradients(scores)(last, classes)
    np.testing.assert_allclose(gradients, expected, rtol=1e-4, atol=1e-7)
