"""Mixing of the images of a batch, by hand where it can be counted."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from networks.mixing import build_mixer
from tests.helpers.augment_settings import STILL


def mixed(pixels, one_hot, seed=1, **settings):
    mixer = build_mixer(STILL.model_copy(update=settings), seed)
    return [np.asarray(tensor) for tensor in mixer(pixels, one_hot)]


def plain_images(n=64, shape=(16, 24)):
    """Image i is everywhere i, and its label is i."""
    values = np.arange(n, dtype=np.float32)
    return np.broadcast_to(values[:, None, None, None], (n, *shape, 3)), np.eye(n, dtype=np.float32)


def test_without_mixup_and_cutmix_there_is_no_mixer():
    assert build_mixer(STILL, 1) is None


@pytest.mark.parametrize("settings", [{"mixup": 0.4}, {"cutmix": 1.0}])
def test_labels_and_pixels_have_the_same_shares(settings):
    """The mean of the pixels is the sum over labels of share times value, for both."""
    pixels, one_hot = plain_images()
    images, labels = mixed(pixels, one_hot, **settings)
    assert (images.dtype, labels.dtype) == (np.float32, np.float32)
    np.testing.assert_allclose(labels.sum(axis=1), 1, rtol=1e-5)
    assert ((labels > 0).sum(axis=1) <= 2).all()
    np.testing.assert_allclose(images.mean(axis=(1, 2, 3)), labels @ np.arange(64), rtol=1e-4)
    kinds = [len(np.unique(image.round(3))) for image in images]
    assert max(kinds) == (1 if "mixup" in settings else 2)
    partners = labels.sum(axis=0)
    assert ((partners > 0) & (partners < 2)).all()  # a permutation: nobody is lent out twice


def test_shares_of_mixup_are_of_a_beta_distribution():
    """Beta(a, a) has the mean 1/2 and the variance 1 / (4 (2 a + 1))."""
    labels = mixed(*plain_images(2000, (1, 1)), mixup=0.5)[1]
    share = labels.diagonal()
    assert share.mean() == pytest.approx(0.5, abs=0.025)
    assert share.var() == pytest.approx(0.125, abs=0.01)


def test_cutmix_pastes_rectangles_and_counts_what_is_left_of_them():
    pixels, one_hot = plain_images(400)
    images, labels = mixed(pixels, one_hot, cutmix=1.0)
    cut_off, sizes = 0, []
    for row, image in enumerate(images[..., 0]):
        pasted = image != row
        share = labels[row, row]
        assert share == pytest.approx(1 - pasted.mean(), abs=1e-6)
        if pasted.any():
            rows, columns = np.flatnonzero(pasted.any(axis=1)), np.flatnonzero(pasted.any(axis=0))
            box = pasted[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
            assert box.all()
            assert len(np.unique(image[pasted])) == 1
            tall, wide = box.shape[0] / 16, box.shape[1] / 24
            cut_off += abs(tall - wide) > 0.15
            sizes.append(tall)
    assert cut_off > 50  # at the edges parts have lost their shape
    assert min(sizes) < 0.2
    assert max(sizes) > 0.9


def test_cutmix_takes_alphas_above_one():
    """Beta(5000, 5000) is near 1/2, so that whole parts have sides of sqrt(1/2)."""
    images, _ = mixed(*plain_images(400), cutmix=5000.0)
    sides = [(image[..., 0] != row).any(axis=1).mean() for row, image in enumerate(images)]
    assert max(sides) == pytest.approx(0.5**0.5, abs=1 / 16)


def test_both_take_turns_by_a_fair_coin_inside_a_graph_too():
    pixels, one_hot = plain_images(16)
    mixer = build_mixer(STILL.model_copy(update={"mixup": 1.0, "cutmix": 1.0}), 1)
    step = tf.function(lambda x, y: mixer(x, y))
    again = build_mixer(STILL.model_copy(update={"mixup": 1.0, "cutmix": 1.0}), 1)
    blended = []
    for _ in range(100):
        images, labels = (tensor.numpy() for tensor in step(pixels, one_hot))
        for values, same_values in zip((images, labels), again(pixels, one_hot), strict=True):
            np.testing.assert_allclose(values, same_values, atol=1e-5)
        whole = (images == np.round(images)).all()
        blended.append(not whole)
    assert 35 <= sum(blended) <= 65


def test_a_training_step_can_mix():
    """Inside fit, whose step is a graph: the loss that it sees is that of the mixed labels."""

    class Mixing(keras.Model):
        def train_step(self, data):
            pixels, one_hot = mixer(*data)
            self.seen.assign(tf.reduce_max(one_hot))
            return super().train_step((pixels, one_hot))

    mixer = build_mixer(STILL.model_copy(update={"mixup": 50.0}), 1)  # shares near 1/2
    inputs = keras.Input((4, 4, 3))
    outputs = keras.layers.Dense(2, "softmax")(keras.layers.Flatten()(inputs))
    model = Mixing(inputs, outputs)
    model.seen = tf.Variable(0.0)
    model.compile("sgd", "categorical_crossentropy")
    model.fit(np.zeros((2, 4, 4, 3), np.float32), np.eye(2, dtype=np.float32), verbose=0)
    assert 0.5 <= float(model.seen) < 0.7
