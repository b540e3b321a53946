"""The whole model as HDF5: what Keras reads back from it."""

import keras
import numpy as np
import pytest

from networks import classifier
from networks.classifier import MODEL_FILE, compose
from networks.heads import build_head
from stages.train import hdf5
from stages.train.saving import save_classifier
from tests.helpers.training_sets import PLAIN

SIZE = (32, 32)
BRIGHTNESS = np.array([1, 0.6, 0.2])[:, None, None, None]
PIXELS = np.random.default_rng(1).uniform(0, 255 * BRIGHTNESS, (3, *SIZE, 3)).astype(np.float32)
CARD = {"class_names": list("abc"), "image_size": list(SIZE), "resize": "crop", "max_pixels": 9}


def disturbed(model):
    """Every weight another number, none near its start, so that none can be mixed up."""
    numbers = np.random.default_rng(2)
    for weight in model.weights:
        if weight.dtype == "float32":
            weight.assign(weight + numbers.uniform(0.02, 0.1, weight.shape))
    return model


def small_backbone():
    """With what Keras's own writer loses, all found in networks of keras.applications.

    Reversed channels (VGG, ResNet), sums with numbers (MobileNetV3), a model within the model
    (ConvNeXt), and a Normalization (EfficientNet B).
    """
    pixels = keras.Input((*SIZE, 3))
    normalise = keras.layers.Normalization(name="normalise")
    x = normalise(keras.ops.flip(pixels, axis=-1))
    x = keras.layers.Conv2D(16, 3, strides=8, name="conv")(x + 0.5)
    x = keras.Sequential([keras.layers.Dense(16, name="dense")], name="inner")(x)
    x = keras.layers.BatchNormalization(name="batch_norm")(x)
    backbone = disturbed(keras.Model(pixels, x, name="backbone"))
    normalise.set_weights([np.array([90.0, 120, 150]), np.array([900.0, 400, 100]), np.array(1)])
    normalise.finalize_state()
    return backbone


def saved(folder, backbone, head):
    model = compose(backbone, head)
    save_classifier(folder, model, CARD)
    hdf5.save_hdf5(folder, model)
    return model, folder / hdf5.HDF5_FILE


def assert_comes_back(folder, backbone, head):
    model, path = saved(folder, backbone, head)
    opened = keras.saving.load_model(path)
    expected = model.predict(PIXELS, verbose=0)
    np.testing.assert_array_equal(opened.predict(PIXELS, verbose=0), expected)
    assert np.ptp(expected, axis=0).max() > 1e-3  # images differ, so that equal is no accident
    assert [layer.name for layer in opened.layers[-2:]] == ["backbone", "head"]
    return opened


@pytest.mark.parametrize("attention", ["none", "se", "spatial", "cbam", "gam", "pool", "mha"])
def test_every_attention_comes_back(tmp_path, attention):
    backbone = small_backbone()
    head = build_head(backbone.output_shape[1:], 3, attention, PLAIN)
    assert_comes_back(tmp_path, backbone, disturbed(head))


@pytest.mark.parametrize(
    ("n_classes", "changes"),
    [
        (2, {"output": "sigmoid", "pooling": "gem"}),
        (2, {"output": "softmax", "pooling": "avgmax"}),
        (3, {"noise": 0.1, "norm": "batch", "dropout": 0.3, "units": 8, "l2": 0.01}),
    ],
)
def test_every_head_comes_back(tmp_path, n_classes, changes):
    backbone = small_backbone()
    settings = PLAIN.model_copy(update=changes)
    head = build_head(backbone.output_shape[1:], n_classes, "none", settings)
    assert_comes_back(tmp_path, backbone, disturbed(head))


def test_two_backbones_with_the_same_names_of_weights_come_back(tmp_path):
    pixels = keras.Input((*SIZE, 3))
    outputs = []
    for name in ("first", "second"):
        branch = small_backbone()
        branch.name = name
        outputs.append(branch(pixels))
    backbone = keras.Model(pixels, keras.layers.Concatenate()(outputs), name="backbone")
    disturbed(backbone.get_layer("second").get_layer("conv"))
    head = build_head(backbone.output_shape[1:], 3, "none", PLAIN)
    assert_comes_back(tmp_path, backbone, head)


def test_a_partly_frozen_backbone_comes_back_with_its_weights_in_place(tmp_path):
    """Keras lists weights that are trained first, so that their order depends on what is frozen."""
    backbone = small_backbone()
    backbone.get_layer("batch_norm").trainable = False
    head = build_head(backbone.output_shape[1:], 3, "none", PLAIN)
    opened = assert_comes_back(tmp_path, backbone, head)
    assert not opened.get_layer("backbone").get_layer("batch_norm").trainable


def test_equal_models_are_equal_bytes_and_the_names_are_keras_own(tmp_path, monkeypatch):
    backbone = small_backbone()
    head = build_head(backbone.output_shape[1:], 3, "cbam", PLAIN)
    files = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        files.append(saved(tmp_path / name, backbone, head)[1])
    assert files[0].read_bytes() == files[1].read_bytes()
    with hdf5.h5py.File(files[0]) as file:
        names = list(file["model_weights/backbone"].attrs["weight_names"])
        assert names[:2] == ["conv/kernel", "conv/bias"]
        assert file["model_weights/backbone/conv/kernel"].shape == (3, 3, 3, 16)
    # Keras finds names in parts, too.
    monkeypatch.setattr(hdf5, "NAMES_PER_ATTRIBUTE", 2)
    path = tmp_path / "parts"
    path.mkdir()
    assert_comes_back(path, backbone, head)
    assert (path / MODEL_FILE).is_file()


def test_training_saves_it_where_it_is_asked_for(whole_run, tmp_path, small_params):
    other = type(whole_run)(tmp_path, small_params(train__hdf5=True, train__epochs=1))
    for name in ("dataset", "features", "sampling"):
        (tmp_path / name).symlink_to(whole_run.path(name))
    other.train()
    opened = keras.saving.load_model(other.path("models/classifier") / hdf5.HDF5_FILE)
    expected = classifier.load_classifier(other.path("models/classifier")).model
    pixels = np.random.default_rng(0).uniform(0, 255, (2, 64, 64, 3)).astype(np.float32)
    np.testing.assert_array_equal(
        opened.predict(pixels, verbose=0), expected.predict(pixels, verbose=0)
    )
    assert not (whole_run.path("models/classifier") / hdf5.HDF5_FILE).exists()
