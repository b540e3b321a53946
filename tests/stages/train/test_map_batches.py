"""Batches of cached maps: which views, in which order, and what `fit` is given."""

import keras
import numpy as np

from common.tables.sampling import Sampling
from stages.train.map_batches import MapBatches
from tests.helpers.training_sets import sampling_of


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
        epoch_values = sorted(values[6 * epoch : 6 * epoch + 6].tolist())
        assert epoch_values == [10 * row + epoch for row in range(6)]
