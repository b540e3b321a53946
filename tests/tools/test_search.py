"""The search on small maps; the DVC around it is tested with the graph, in test_repro.py."""

import math
import re
from types import SimpleNamespace

import numpy as np
import optuna
import pytest

from common.errors import StageError
from common.params import read_params
from common.tables.sampling import Sampling
from networks.maps import MOMENTS_FILE, pooled_file
from stages.train.data import TrainingData
from stages.train.linear_start import fit_baseline
from tests.helpers.pipeline import THREADS, write_params
from tools.search import __main__ as command
from tools.search.bench import Bench, open_bench
from tools.search.results import metrics_table, trial_counts, trials_table
from tools.search.space import CHOICES, RATES, change, changes, encode, suggest
from tools.search.study import (
    EPOCHS_BEFORE,
    OTHERS,
    finished,
    open_study,
    rows_of,
    search,
    start_of,
    study_name,
)
from tools.search.trials import try_settings

QUICK = {"train__epochs": 4, "compute__threads": THREADS, "train__learning_rate": 0.01}


def bench_of(tmp_path, **changed):
    params = read_params(write_params(tmp_path / "params.yaml", **(QUICK | changed)))
    random = np.random.default_rng(3)
    splits, maps = {}, {}
    for name, n in (("train", 48), ("val", 24)):
        label = np.arange(n) % 3
        means = np.eye(3, 8)[label][:, None, None, None, :]
        views = 2 if name == "train" else 1
        noise = random.normal(0, 1.2, (n, views, 2, 2, 8))
        maps[name] = np.abs(means + noise).astype(np.float16)
        splits[name] = SimpleNamespace(
            n=n, label=label, group=np.arange(n), class_names=["a", "b", "c"]
        )
        pooled = maps[name].astype(np.float32).mean(axis=(2, 3))
        np.save(pooled_file(tmp_path / f"{name}.npy"), pooled)
        if name == "train":
            flat = pooled.reshape(-1, 8)
            np.save(tmp_path / MOMENTS_FILE, np.stack([flat.mean(axis=0), flat.std(axis=0)]))
    data = with_sampling(splits, Sampling.plain(48), tmp_path)
    return Bench(params, data, maps, fit_baseline(data, params.seed)[0])


def with_sampling(splits, sampling, features):
    return TrainingData(splits, {"train": sampling, "val": Sampling.plain(24)}, features)


def searched(bench, count, study=None, seconds=600.0):
    study = study or open_study(bench, None, "test")
    search(bench, study, seconds, count, lambda study: None)
    return study


def scores(study):
    return [(t.state.name, t.value, t.user_attrs["settings"]) for t in study.trials]


CURRENT = [
    {},
    {"model__attention": "mha", "model__head__pooling": "gem", "model__head__units": 96},
    {"train__optimizer": "adamw", "train__weight_decay": 0.2, "train__learning_rate": 0.00123456},
    {"train__optimizer": "adamw", "train__weight_decay": None, "train__batch_size": 7},
    {"train__schedule": "plateau", "train__patience": 5, "train__plateau_patience": 9},
    {"train__schedule": "polynomial", "train__end_learning_rate": 0.0002},
    {"train__schedule": "exponential", "train__decay_rate": 1.0, "train__rise_epochs": 90},
    {"train__optimizer": "lion", "train__learning_rate": 0.5, "model__head__l2": 0.0},
    {"oversample__method": "smote", "model__attention": "none"},
    {"model__attention": "gam", "train__ema": 0.5, "train__label_smoothing": 0.4},
    {"train__epochs": 1, "train__patience": 1, "model__head__dropout": 0.95},
    {"train__stop_on_overfit": True, "model__head__noise": 1.5, "model__head__norm": "none"},
]


@pytest.mark.parametrize("now", CURRENT)
def test_todays_settings_are_the_first_trial_and_every_other_is_valid(tmp_path, now):
    params = read_params(write_params(tmp_path / "params.yaml", **now))
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    study.enqueue_trial(encode(params))
    first = study.ask()
    settings = suggest(first, params)
    assert changes(params, settings) == {}
    assert change(params, settings) == params
    study.tell(first, 0.0)
    seen = set()
    for _ in range(150):
        trial = study.ask()
        settings = suggest(trial, params)
        tried = change(params, settings)  # raises where params.yaml would be refused
        changed = changes(params, settings)
        assert change(params, changed) == tried
        assert tried.model.backbone == params.model.backbone
        assert tried.split == params.split
        seen |= set(changed)
        study.tell(trial, 0.0)
    assert {"model.head.dropout", "train.optimizer", "train.learning_rate"} <= seen
    assert ("model.attention" in seen) == (params.oversample.method != "smote")


def test_settings_without_effect_are_not_asked_for(tmp_path):
    params = read_params(write_params(tmp_path / "params.yaml"))
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=2))
    for _ in range(100):
        trial = study.ask()
        settings = suggest(trial, params)
        assert ("model.head.activation" in settings) == (settings["model.head.units"] > 0)
        assert ("model.head.pooling" in settings) == (settings["model.attention"] != "pool")
        assert ("train.weight_decay" in settings) == (settings["train.optimizer"] == "adamw")
        assert ("train.decay_rate" in settings) == (settings["train.schedule"] == "exponential")
        assert ("model.head.l2" in trial.params) == (settings["model.head.l2"] not in ("auto", 0))
        study.tell(trial, 0.0)


@pytest.fixture(scope="module")
def four(tmp_path_factory):
    """A bench and a study of four trials on it; look, but do not change them."""
    bench = bench_of(tmp_path_factory.mktemp("bench"))
    return bench, searched(bench, 4)


def test_the_answer_is_never_worse_than_the_start(four):
    bench, study = four
    assert len(study.trials) == 4
    start = start_of(study)
    assert start.number == 0
    assert changes(bench.params, start.user_attrs["settings"]) == {}
    done = finished(study)
    assert done[0].value <= start.value
    assert [t.value for t in done] == sorted(t.value for t in done)
    assert len({str(t.user_attrs["settings"]) for t in study.trials}) == 4
    rows = rows_of(study)
    assert [row["trial"] for row in rows] == list(range(4))
    assert rows[0]["epochs"] == len(start.intermediate_values) == 4


def test_a_search_repeats_also_when_it_is_interrupted_and_continued(four, tmp_path):
    bench, study = four
    journal = tmp_path / "search/trials.log"
    searched(bench, 2, open_study(bench, journal, "one"))
    assert len(open_study(bench, journal, "another").trials) == 0
    continued = searched(bench, 2, open_study(bench, journal, "one"))
    assert scores(continued) == scores(study)
    lost = continued.ask()  # as an interrupted run leaves it
    reopened = open_study(bench, journal, "one")
    assert reopened.trials[lost.number].state.name == "FAIL"
    assert [row["state"] for row in rows_of(reopened)][-1] == "failed"


def test_a_score_is_plain_cross_entropy_of_the_epoch_that_is_kept(tmp_path):
    """Without the smoothing and the penalty, which would make it more than ln 3 here."""
    changed = {"train__label_smoothing": 0.9, "model__head__l2": 1.0, "model__head__units": 64}
    trial = searched(bench_of(tmp_path, **changed), 1).trials[0]
    assert 0 < trial.value < 1.5 * math.log(3)
    of_epochs = trial.intermediate_values.values()
    assert min(abs(trial.value - value) for value in of_epochs) < 1e-6


@pytest.mark.parametrize(
    ("monitor", "objective", "direction"),
    [("val_f1_macro", "f1_macro", "MAXIMIZE"), ("loss", "loss", "MINIMIZE")],
)
def test_the_objective_is_validation_by_what_is_monitored(tmp_path, monitor, objective, direction):
    bench = bench_of(tmp_path, train__monitor=monitor, train__epochs=1)
    assert bench.objective == objective
    study = searched(bench, 2)
    assert study.direction.name == direction
    done = [trial.value for trial in finished(study)]
    assert done == sorted(done, reverse=direction == "MAXIMIZE")


def test_when_the_time_is_over_only_the_start_is_finished(tmp_path):
    bench = bench_of(tmp_path, train__epochs=2)
    study = searched(bench, None, seconds=1e-9)
    assert [trial.state.name for trial in study.trials] == ["COMPLETE"]
    study = searched(bench, None, study, seconds=1e-9)
    assert [trial.state.name for trial in study.trials] == ["COMPLETE", "PRUNED"]
    assert study.trials[1].user_attrs["given up"] == "the time was over"


def test_a_trial_that_lags_is_given_up(four):
    bench, study = four
    good = start_of(study)
    copies = open_study(bench, None, "copies")
    for _ in range(OTHERS):
        copies.add_trial(good)
    with pytest.raises(optuna.TrialPruned):
        try_settings(bench, copies.ask(), {"train.learning_rate": 1e-9}, 1e12)
    assert copies.trials[-1].user_attrs["given up"] == f"lagged in epoch {EPOCHS_BEFORE + 1}"


def test_a_loss_that_is_no_number_fails_a_trial_but_must_not_be_the_start(four, tmp_path, capsys):
    _, study = four
    broken = bench_of(tmp_path, model__attention="pool")
    broken.maps["train"][0] = np.nan
    with pytest.raises(StageError, match="finite"):
        searched(broken, 2)
    begun = open_study(broken, None, "begun")
    begun.add_trial(start_of(study))
    assert [trial.state.name for trial in searched(broken, 1, begun).trials][1:] == ["FAIL"]
    messages = capsys.readouterr().err
    assert re.search(r"trial 1 failed: Expected .* finite", messages), messages
    assert finished(begun)[0].number == 0


def test_smote_is_searched_with_its_mixtures(tmp_path):
    bench = bench_of(tmp_path, oversample__method="smote", model__attention="none")
    rows = np.r_[np.arange(48), np.arange(0, 12, 3)]
    repeats = np.r_[np.zeros(48, int), np.ones(4, int)]
    sampling = Sampling(rows, repeats, np.ones(52, np.float32))
    data = with_sampling(bench.data.splits, sampling, tmp_path)
    study = searched(bench._replace(data=data), 1)
    assert study.trials[0].state.name == "COMPLETE"


def test_a_tuned_backbone_is_refused(tmp_path):
    params = read_params(write_params(tmp_path / "p.yaml", model__trainable="all"))
    with pytest.raises(StageError, match=r"model\.trainable none.*Received: all"):
        open_bench(params, tmp_path, tmp_path, tmp_path)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--minutes", "0"], r"--minutes above 0\. Received: 0"),
        (["--minutes", "-3"], "--minutes above 0"),
        (["--minutes", "nan"], "--minutes above 0"),
        (["--trials", "0"], r"--trials of at least 1\. Received: 0"),
    ],
)
def test_a_budget_for_nothing_is_refused(words, message):
    with pytest.raises(StageError, match=message):
        command.main(words)


def test_the_table_shows_the_start_and_the_best(four):
    bench, study = four
    lines = trials_table(bench, study).splitlines()
    assert "val loss" in lines[0]
    assert lines[1].split()[0] == "start"
    assert lines[1].endswith("as in params.yaml")
    losses = [float(line.split()[1]) for line in lines[2:]]
    assert losses == sorted(losses)
    assert "finished" in trial_counts(study)


def test_metrics_stand_beside_those_of_the_start_where_they_are_known():
    before = {split: {"accuracy": 0.5, "f1_macro": 0.25, "loss": 1.0} for split in ("val", "test")}
    after = {split: {"accuracy": 0.75, "f1_macro": 0.5, "loss": 0.5} for split in ("val", "test")}
    lines = metrics_table(before, after).splitlines()
    assert lines[0].split() == ["start", "search"]
    assert lines[1].split() == ["val", "accuracy", "0.5000", "0.7500"]
    assert lines[-1].split() == ["test", "loss", "1.0000", "0.5000"]
    assert metrics_table(None, after).splitlines()[1].split() == ["val", "accuracy", "0.7500"]


def test_every_choice_of_the_parameters_is_tried_and_has_what_it_needs(tmp_path):
    params = read_params(write_params(tmp_path / "params.yaml"))
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=3))
    tried = {name: set() for name in CHOICES}
    for _ in range(300):
        trial = study.ask()
        suggest(trial, params)
        for name in CHOICES.keys() & trial.params.keys():
            tried[name].add(trial.params[name])
        study.tell(trial, 0.0)
    assert tried == {name: set(choices) for name, choices in CHOICES.items()}
    assert "gam" in CHOICES["model.attention"]
    assert set(RATES) == set(CHOICES["train.optimizer"])


def test_a_study_is_continued_only_with_the_same_inputs_settings_and_choices(tmp_path, monkeypatch):
    params = read_params(write_params(tmp_path / "params.yaml"))
    other = params.model_copy(update={"seed": params.seed + 1})
    name = study_name(params, ["a", "b"])
    assert study_name(params, ["a", "b"]) == name
    assert len({name, study_name(params, ["a", "c"]), study_name(other, ["a", "b"])}) == 3
    monkeypatch.setitem(CHOICES, "train.ema", [0.0])
    assert study_name(params, ["a", "b"]) != name


def test_an_experiment_is_named_by_its_settings():
    settings = {"train.weight_decay": None, "model.head.norm": "none"}
    name = command.experiment_name(settings)
    assert name == command.experiment_name(dict(reversed(settings.items())))
    assert name != command.experiment_name({})
