"""Fitting of a head: early stopping, the weights that are kept, averaged weights."""

import signal
import subprocess
import sys

import numpy as np
import pytest
from sklearn.metrics import f1_score

from common.errors import StageError
from common.tables.sampling import Sampling
from networks import heads
from networks.runtime import configure
from stages.train.fitting import fit
from stages.train.map_batches import MapBatches
from stages.train.monitors import best_epoch
from stages.train.optimizers import build_optimizer
from tests.helpers.pipeline import ROOT
from tests.helpers.training_sets import (
    PLAIN,
    TRAIN,
    batches_of,
    drawn,
    probabilities_of,
    sampling_of,
    separable,
)


def loss_of(head, maps, label):
    """Mean cross-entropy, without penalties."""
    return -np.log(probabilities_of(head, maps)[np.arange(len(label)), label]).mean()


def test_fit_learns_repeats_bit_for_bit_and_keeps_the_best_weights():
    weights = []
    for _ in range(2):
        configure(5, 2)
        head = heads.build_head((3, 3, 8), 2, "pool", PLAIN)
        maps, label = separable(seed=1)
        history = fit(head, TRAIN, batches_of(*separable()), batches_of(maps, label))
        weights.append([weight.numpy() for weight in head.weights])
        losses = [row["val_loss"] for row in history]
        assert history[0]["epoch"] == 1
        assert max(row["val_accuracy"] for row in history) > 0.9
        assert loss_of(head, maps, label) == pytest.approx(min(losses), rel=1e-5)
    for first, second in zip(*weights, strict=True):
        np.testing.assert_array_equal(first, second)


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


def noisy(seed, share):
    """Separable maps with a share of the labels turned round."""
    maps, label = separable(seed=seed)
    turned = np.random.default_rng(seed).permutation(len(label)) < share * len(label)
    return maps, np.where(turned, 1 - label, label)


def fit_plain(changes, train, val):
    configure(3, 2)
    head = heads.build_head((3, 3, 8), 2, "none", PLAIN)
    return head, fit(head, TRAIN.model_copy(update=changes), train, val)


@pytest.mark.parametrize("monitor", ["val_accuracy", "val_f1_macro", "loss"])
def test_the_monitored_metric_decides_which_weights_are_kept(monitor):
    maps, label = noisy(1, 0.2)
    val = batches_of(maps, label)
    changes = {"monitor": monitor, "patience": 4}
    head, history = fit_plain(changes, batches_of(*noisy(0, 0.1)), val)
    values = [row[monitor] for row in history]
    first = int(np.argmin(values) if monitor == "loss" else np.argmax(values))
    assert best_epoch(history, monitor) is history[first]
    assert len(history) == min(TRAIN.epochs, first + 1 + 4)
    assert ("val_f1_macro" in history[0]) == (monitor == "val_f1_macro")
    answers = probabilities_of(head, maps)
    kept = history[first]
    truth = answers[np.arange(len(label)), label]
    assert -np.log(truth).mean() == pytest.approx(kept["val_loss"], rel=1e-4)
    assert (answers.argmax(axis=1) == label).mean() == pytest.approx(kept["val_accuracy"])
    if monitor == "val_f1_macro":
        expected = f1_score(label, answers.argmax(axis=1), average="macro")
        assert kept["val_f1_macro"] == pytest.approx(expected, rel=1e-5)


def test_overfitting_stops_and_the_lowest_validation_loss_is_kept():
    # Batches of their own: validating shuffles them, and sums in another order differ in rounding.
    _, without = fit_plain({}, batches_of(*separable()), batches_of(*noisy(1, 0.2)))
    maps, label = noisy(1, 0.2)
    changes = {"stop_on_overfit": True}
    head, history = fit_plain(changes, batches_of(*separable()), batches_of(maps, label))
    over = [row["val_loss"] > row["loss"] for row in without]
    assert 0 < over.index(True) < len(without) - 1
    assert history == without[: over.index(True) + 1]
    lowest = min(row["val_loss"] for row in history)
    assert loss_of(head, maps, label) == pytest.approx(lowest, rel=1e-5)


def test_a_plateau_lowers_the_rate_after_its_patience():
    """Validation labels are turned round, so that the first epoch stays the best of all."""
    changes = {"schedule": "plateau", "plateau_patience": 2, "plateau_factor": 0.5, "epochs": 6}
    maps, label = separable(seed=1)
    _, history = fit_plain(changes, batches_of(*separable()), batches_of(maps, 1 - label))
    assert best_epoch(history, "val_loss")["epoch"] == 1
    rates = [row["learning_rate"] for row in history]
    assert rates == pytest.approx([0.02, 0.02, 0.02, 0.01, 0.01, 0.005])


def test_averaged_weights_are_evaluated_and_kept():
    """One step per epoch, so that the weights after k steps are those of a training of k epochs.

    With noise in the validation labels the averages are best before the end.
    """
    maps, label = separable(seed=1)
    steps, n = 10, len(label)
    val = batches_of(maps, label, n)
    weights = []
    for epochs in range(1, steps + 1):
        # "loss" is that before the step, so it falls as long as steps help: the last is kept.
        changes = {"learning_rate": 0.3, "monitor": "loss", "epochs": epochs}
        head, history = fit_plain(changes, batches_of(*separable(), n), val)
        assert best_epoch(history, "loss")["epoch"] == epochs
        weights.append(head.get_weights())
    averages = [weights[0]]
    for new in weights[1:]:
        pairs = zip(averages[-1], new, strict=True)
        averages.append([0.8 * old + 0.2 * now for old, now in pairs])
    for share in (0, 0.4):
        maps, label = noisy(1, share)
        changes = {"learning_rate": 0.3, "ema": 0.8, "epochs": steps, "patience": 1}
        val = batches_of(maps, label, n)
        head, averaged = fit_plain(changes, batches_of(*separable(), n), val)
        kept = best_epoch(averaged, "val_loss")
        assert (len(averaged) < steps) == (share > 0)
        for weight, expected in zip(head.get_weights(), averages[kept["epoch"] - 1], strict=True):
            np.testing.assert_allclose(weight, expected, rtol=1e-4, atol=1e-5)
        for row, average in zip(averaged, averages, strict=False):
            head.set_weights(average)
            answers = probabilities_of(head, maps)[np.arange(n), label]
            assert row["val_loss"] == pytest.approx(-np.log(answers).mean(), rel=1e-3)
        # The steps themselves go on from the plain weights.
        losses = [row["loss"] for row in history[: len(averaged)]]
        assert [row["loss"] for row in averaged] == pytest.approx(losses, rel=1e-4)


def penalised(l2):
    configure(3, 2)
    head = heads.build_head((3, 3, 8), 2, "none", PLAIN.model_copy(update={"l2": l2}))
    kernel = np.random.default_rng(0).normal(size=(8, 1))
    head.get_layer("logits").set_weights([kernel, np.zeros(1)])
    return head


def test_penalties_shrink_weights_and_are_in_no_loss():
    maps, label = separable(seed=1)
    settings = TRAIN.model_copy(update={"optimizer": "sgd", "learning_rate": 0.01, "epochs": 1})
    ends = []
    for l2 in (0.0, 3.0):
        head = penalised(l2)
        before = head.get_layer("logits").kernel.numpy()
        (row,) = fit(head, settings, batches_of(*separable(), 32), batches_of(maps, label))
        assert row["val_loss"] == pytest.approx(loss_of(head, maps, label), rel=1e-5)
        ends.append(head.get_layer("logits").kernel.numpy())
    assert row["loss"] == pytest.approx(loss_of(penalised(0), *separable()), rel=0.2)
    # The first step is 1.9 times the rate and the gradient, of which the penalty has 2 l2 w.
    steps = -(-len(separable()[1]) // 32)
    if steps == 1:
        np.testing.assert_allclose(ends[0] - ends[1], 0.019 * 2 * 3 * before, rtol=1e-3)
    assert np.abs(ends[1]).sum() < np.abs(ends[0]).sum()


def test_the_start_counts_where_no_epoch_betters_it():
    """Labels of train are turned round, so that every step leads away from the good start."""
    maps, label = separable(seed=1)
    head, _ = fit_plain({}, batches_of(*separable()), batches_of(maps, label))
    before, loss = head.get_weights(), loss_of(head, maps, label)
    wrong = batches_of(separable()[0], 1 - separable()[1])
    settings = TRAIN.model_copy(update={"patience": 3})
    rows = fit(head, settings, wrong, batches_of(maps, label), start_counts=True)
    assert [row["epoch"] for row in rows] == [0, 1, 2, 3]
    assert rows[0]["val_loss"] == pytest.approx(loss, rel=1e-5)
    assert rows[0]["accuracy"] < 0.2
    assert best_epoch(rows, "val_loss") is rows[0]
    for weight, old in zip(head.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, old)


def test_a_start_that_is_bettered_is_only_a_row():
    maps, label = separable(seed=1)
    with_start, without = [], []
    for rows, start_counts in ((with_start, True), (without, False)):
        configure(3, 2)
        head = heads.build_head((3, 3, 8), 2, "none", PLAIN)
        val = batches_of(maps, label)
        rows += fit(head, TRAIN, batches_of(*separable()), val, start_counts=start_counts)
        kept = best_epoch(rows, "val_loss")["val_loss"]
        assert loss_of(head, maps, label) == pytest.approx(kept, rel=1e-5)
    assert with_start[1:] == without


@pytest.mark.parametrize("ema", [0.0, 0.9])
def test_maps_in_memory_and_in_a_file_give_the_same_history_and_weights(ema):
    maps, label = separable()
    head = PLAIN.model_copy(update={"noise": 0.1, "dropout": 0.2, "norm": "batch"})
    ends = []
    for resident in (True, False):
        configure(3, 2)
        model = heads.build_head((3, 3, 8), 2, "pool", head)
        rng = np.random.default_rng(0)
        mixtures = (rng.permutation(len(label)), rng.random(len(label), np.float32))
        train, val = (
            MapBatches(maps, label, 2, Sampling.plain(len(label)), 8, 0, mixed, resident)
            for mixed in (mixtures, None)
        )
        settings = TRAIN.model_copy(update={"epochs": 4, "ema": ema})
        ends.append((fit(model, settings, train, val, start_counts=True), model.get_weights()))
    assert ends[0][0] == ends[1][0]
    for one, other in zip(ends[0][1], ends[1][1], strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("name", ["adam", "sgd"])
def test_an_epoch_is_the_one_that_keras_fit_makes(name):
    """The same batches, handed to Keras's own `fit`: same losses, same weights."""
    maps, label = separable()
    settings = TRAIN.model_copy(update={"epochs": 3, "optimizer": name, "schedule": "cosine"})
    ours, theirs = (heads.build_head((3, 3, 8), 2, "pool", PLAIN) for _ in range(2))
    theirs.set_weights(ours.get_weights())
    rows = fit(ours, settings, batches_of(maps, label), batches_of(*separable(seed=1)))
    batches = batches_of(maps, label)
    theirs.compile(build_optimizer(settings, len(batches)), "categorical_crossentropy")
    for epoch in range(3):
        inputs, one_hot, weights = drawn(batches, epoch)
        history = theirs.fit(
            inputs.astype(np.float32), one_hot, 8, sample_weight=weights, shuffle=False, verbose=0
        ).history
        assert rows[epoch]["loss"] == pytest.approx(history["loss"][0], rel=1e-5)
    assert best_epoch(rows, "val_loss")["epoch"] == 3  # so that ours has the weights of the end
    for one, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


def train_for_ever():
    configure(3, 2)
    maps, label = separable()
    settings = TRAIN.model_copy(update={"epochs": 10**6, "patience": 10**6})
    print("begins", flush=True)
    fit_plain(settings.model_dump(), batches_of(maps, label), batches_of(*separable()))


def test_ctrl_c_ends_a_training():
    """In a process of its own: the signal may come while TensorFlow is in its own code."""
    words = "from tests.stages.train import test_fitting as here; here.train_for_ever()"
    process = subprocess.Popen(
        [sys.executable, "-c", words],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "begins\n"
    with pytest.raises(subprocess.TimeoutExpired):  # it would go on
        process.wait(10)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGINT
    assert err.rstrip().endswith("KeyboardInterrupt")
