"""Monitored metrics: the better direction, Keras's metrics, the best epoch."""

import pytest

from stages.train.monitors import MONITORS, best_epoch, build_metrics


def test_the_first_of_equal_epochs_is_the_best():
    rows = [
        {"epoch": epoch, "val_loss": loss, "val_accuracy": accuracy}
        for epoch, loss, accuracy in [(1, 0.5, 0.6), (2, 0.4, 0.8), (3, 0.4, 0.7), (4, 0.6, 0.8)]
    ]
    assert best_epoch(rows, "val_loss")["epoch"] == 2
    assert best_epoch(rows, "val_accuracy")["epoch"] == 2
    assert best_epoch(rows[2:], "val_accuracy")["epoch"] == 4


@pytest.mark.parametrize("monitor", MONITORS)
def test_losses_are_best_low_and_all_others_high(monitor):
    rows = [{"epoch": epoch, monitor: value} for epoch, value in [(1, 0.5), (2, 0.2), (3, 0.7)]]
    assert best_epoch(rows, monitor)["epoch"] == (2 if monitor.endswith("loss") else 3)


def test_f1_is_computed_only_where_it_is_watched():
    names = {monitor: [metric.name for metric in build_metrics(monitor)] for monitor in MONITORS}
    f1 = ["accuracy", "f1_macro"]
    assert names == {
        "val_loss": ["accuracy"],
        "val_accuracy": ["accuracy"],
        "val_f1_macro": f1,
        "loss": ["accuracy"],
        "accuracy": ["accuracy"],
        "f1_macro": f1,
    }
