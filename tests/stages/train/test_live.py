"""Files that grow while a model is trained, and what they hold."""

import json
import random

import keras
import numpy as np
import pandas as pd
import pytest

from networks.heads import build_head
from stages.train.fitting import fit
from stages.train.live import live_log
from tests.helpers.training_sets import PLAIN, TRAIN, batches_of, separable

SETTINGS = TRAIN.model_copy(update={"epochs": 2})


class Watch(keras.callbacks.Callback):
    """What stands on the disk at the end of each epoch, seen by somebody else."""

    def __init__(self, folder):
        super().__init__()
        self.folder, self.seen = folder, []

    def on_epoch_end(self, epoch, logs=None):
        summary = json.loads((self.folder / "metrics.json").read_text())
        table = pd.read_csv(self.folder / "plots/metrics/live/val_loss.tsv", sep="\t")
        self.seen.append((summary["step"], summary["live"]["val_loss"], len(table)))


def train_twice(folder):
    """Two fits in a row, as a warm-up and the tuning after it; also the epochs that were seen."""
    maps, label = separable()
    batches = batches_of(maps, label)
    watch, histories = Watch(folder), []
    with live_log(folder) as live:
        for _ in range(2):
            keras.utils.set_random_seed(4)
            head = build_head(maps.shape[2:], 2, "none", PLAIN)
            histories += [fit(head, SETTINGS, batches, batches, callbacks=[watch], live=live)]
    return histories, watch.seen


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("logs") / "live"
    return folder, *train_twice(folder)


def test_files_grow_by_an_epoch_at_a_time_and_count_on(trained):
    folder, histories, seen = trained
    rows = histories[0] + histories[1]
    assert len(rows) == 4
    assert seen == [(i + 1, row["val_loss"], i + 1) for i, row in enumerate(rows)]
    files = sorted((folder / "plots/metrics/live").iterdir())
    assert {file.stem for file in files} == set(rows[0]) - {"epoch"}
    for file in files:
        table = pd.read_csv(file, sep="\t")
        assert table["step"].tolist() == [1, 2, 3, 4]
        assert table[file.stem].tolist() == pytest.approx([row[file.stem] for row in rows])
    last = json.loads((folder / "metrics.json").read_text())
    assert last["step"] == 4
    assert last["live"] == {k: v for k, v in rows[-1].items() if k != "epoch"}


def test_another_training_starts_anew_with_the_same_bytes(trained):
    folder = trained[0]
    first = {file: file.read_bytes() for file in folder.rglob("*.*")}
    assert len(first) == 6
    train_twice(folder)
    assert {file: file.read_bytes() for file in folder.rglob("*.*")} == first


def test_opening_it_draws_no_random_number_and_writes_nothing_else(tmp_path):
    keras.utils.set_random_seed(7)
    expected = random.random(), np.random.random()
    keras.utils.set_random_seed(7)
    with live_log(tmp_path / "live"):
        assert (random.random(), np.random.random()) == expected
    assert [path.name for path in tmp_path.rglob("*")] == ["live", "metrics.json"]
