"""Outputs of a split: from cached maps, and of images that are decoded as a stream."""

import keras
import numpy as np
import pytest

from common.preprocessing import Preprocessing
from networks.classifier import Classifier, compose
from networks.engine import FLOAT32, OPENVINO, TENSORFLOW, Engine
from networks.maps import pooled_file
from stages.predict.inference import Inference, plain_vectors
from tests.helpers.images import write_numbered_images

N, SIDE = 11, 16


def classifier_of(frozen):
    inputs = keras.Input((SIDE, SIDE, 3))
    backbone = keras.Model(inputs, keras.layers.AveragePooling2D(SIDE // 2)(inputs) * 2)
    maps = keras.Input((2, 2, 3))
    head = keras.Model(maps, keras.layers.GlobalMaxPooling2D()(maps))
    model = compose(backbone, head)
    return Classifier(
        model, backbone, head, ["a"], Preprocessing((SIDE, SIDE), "crop", 9), frozen, ["cnn"]
    )


@pytest.mark.parametrize("name", [OPENVINO, TENSORFLOW])
def test_outputs_of_pixels_are_the_models_own_in_the_order_of_the_dataset(tmp_path, name):
    dataset = write_numbered_images(tmp_path / "train", N, SIDE)
    classifier = classifier_of(frozen=False)
    inference = Inference(classifier, Engine(name, FLOAT32), 3)
    (answers,) = inference.run(
        dataset, tmp_path / "none.npy", tmp_path / "vectors.npy", [classifier.head]
    )
    expected = 2.0 * np.arange(N)[:, None] * np.ones((1, 3))
    assert answers.dtype == np.float64
    np.testing.assert_allclose(answers, expected)
    np.testing.assert_allclose(np.load(tmp_path / "vectors.npy"), expected)


def test_outputs_of_maps_are_those_of_the_plain_view(tmp_path):
    dataset = write_numbered_images(tmp_path / "train", N, SIDE)
    maps = np.arange(N * 2 * 2 * 2 * 3).reshape(N, 2, 2, 2, 3).astype(np.float16)
    features, vectors = tmp_path / "maps.npy", tmp_path / "vectors.npy"
    np.save(features, maps)
    np.save(pooled_file(features), maps.astype(np.float32).mean(axis=(2, 3)))
    classifier, plain = classifier_of(frozen=True), maps[:, 0].astype(np.float32)
    twice = keras.Model(classifier.head.input, 2 * classifier.head.output)
    inference = Inference(classifier, Engine(TENSORFLOW, FLOAT32), 4)
    answers = inference.run(dataset, features, vectors, [classifier.head, twice])
    np.testing.assert_array_equal(answers[0], plain.max(axis=(1, 2)))
    np.testing.assert_array_equal(answers[1], 2 * plain.max(axis=(1, 2)))
    np.testing.assert_allclose(np.load(vectors), plain.mean(axis=(1, 2)))
    features.unlink()  # for the means alone the maps are not read
    assert inference.run(dataset, features, vectors, []) == []
    np.testing.assert_allclose(np.load(vectors), plain.mean(axis=(1, 2)))


def test_plain_vectors_are_those_of_the_first_view():
    vectors = np.arange(N * 2 * 3).reshape(N, 2, 3).astype(np.float32)
    np.testing.assert_array_equal(np.concatenate(list(plain_vectors(vectors, 4))), vectors[:, 0])
