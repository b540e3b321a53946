"""Statistics by hand and by simulation; the command on a real DVC repository."""

import json
from functools import partial

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm
from sklearn.metrics import f1_score, log_loss

from common.errors import StageError
from common.files import read_json
from common.tables.dataset import write_dataset
from common.tables.predictions import Predictions, write_predictions
from stages.evaluate.resampling import Resamples
from tests.helpers.dvc_project import make_branches
from tests.helpers.images import image_bytes, make_image
from tests.helpers.pipeline import PREPROCESSING
from tools.compare import bootstrap, paired
from tools.compare.__main__ import main

NAMES = ["007", "NA"]


def discordant(first_only, second_only, both):
    """Which images each of two models gets right."""
    first = [True] * first_only + [False] * second_only + [True] * both
    second = [False] * first_only + [True] * second_only + [True] * both
    return np.array(first), np.array(second)


def test_mcnemar_by_hand():
    outcome = paired.mcnemar(*discordant(1, 8, 20), np.arange(29))
    # 2 (C(9, 0) + C(9, 1)) / 2^9
    assert outcome == (1, 8, pytest.approx(20 / 512))
    assert paired.mcnemar(*discordant(5, 5, 1), np.arange(11)).p_value == 1
    assert paired.mcnemar(*discordant(0, 0, 9), np.arange(9)) == (0, 0, 1.0)


def test_near_copies_count_once_in_mcnemars_test():
    first, second = discordant(1, 8, 0)
    group = np.array([0, 1, 1, 1, 1, 2, 2, 2, 2])
    assert paired.mcnemar(first, second, group) == (1, 2, 1.0)
    drawn = np.array([0, 0, 1, 2, 3, 4, 5, 6, 7])  # the first group gains one and loses one
    assert paired.mcnemar(first, second, drawn) == (0, 7, pytest.approx(2 / 2**7))


def test_holm_by_hand():
    assert paired.holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert paired.holm([0.5, 0.9]) == [1.0, 1.0]
    assert paired.holm([0.2]) == [0.2]


def test_tango_is_as_published():
    # Airway hyper-responsiveness before and after transplantation, 1 and 7 of 21 discordant:
    # Fagerland, Lydersen & Laake 2014, Statistics in Medicine 33, give -0.517 to -0.026.
    assert paired.tango(1, 7, 21) == pytest.approx((-0.517, -0.026), abs=5e-4)
    low, high = paired.tango(7, 1, 21)
    assert (-high, -low) == pytest.approx(paired.tango(1, 7, 21))


def test_two_perfect_models_may_still_differ():
    z2 = norm.ppf(0.975) ** 2
    right = np.ones(100, bool)
    interval = paired.accuracy_difference(right, right, np.arange(100))
    assert interval.difference == 0
    assert (interval.low, interval.high) == pytest.approx((-z2 / (100 + z2), z2 / (100 + z2)))
    # In ten groups of ten copies there are ten images, as far as one can know.
    copies = paired.accuracy_difference(right, right, np.repeat(np.arange(10), 10))
    assert copies.high == pytest.approx(z2 / (10 + z2))


def test_all_or_nothing_stays_within_bounds():
    right = np.ones(5, bool)
    interval = paired.accuracy_difference(~right, right, np.arange(5))
    assert interval.difference == interval.high == 1
    assert 0 < interval.low < 1


def test_design_effect_by_hand():
    # Two groups of two with differences (1, 1) and (-1, -1): sums 2 and -2, (4 + 4) / 4.
    assert paired.design_effect(np.array([1.0, 1, -1, -1]), np.array([0, 0, 1, 1])) == 2
    assert paired.design_effect(np.array([1.0, -1, 1, -1]), np.array([0, 0, 1, 1])) == 1
    assert paired.design_effect(np.array([1.0, 0, 0]), np.arange(3)) == 1


def drawn(label, probabilities, group, resamples, seed=0):
    return bootstrap.draw_scores(label, probabilities, Resamples(label, group, resamples, seed))


def test_the_metrics_are_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    label = rng.integers(0, 3, 40)
    p = rng.dirichlet(np.ones(3), 40)
    scores = drawn(label, p, np.arange(40), 100)
    f1 = f1_score(label, p.argmax(axis=1), average="macro")
    assert scores["f1_macro"].value == pytest.approx(f1)
    assert scores["loss"].value == pytest.approx(log_loss(label, p, labels=[0, 1, 2]))
    assert {name: len(metric.samples) for name, metric in scores.items()} == {
        "f1_macro": 100,
        "loss": 100,
    }


def test_an_interval_is_that_of_the_samples_differences():
    first = bootstrap.Drawn(0.5, np.zeros(101))
    second = bootstrap.Drawn(0.75, np.linspace(0, 1, 101))
    assert bootstrap.difference(first, second) == pytest.approx((0.25, 0.025, 0.975))


@pytest.mark.parametrize("group", [np.arange(20), np.zeros(20, int)])
def test_what_never_varies_has_no_interval(group):
    label = np.arange(20) % 2
    perfect = drawn(label, np.eye(2)[label], group, 100)
    assert bootstrap.difference(perfect["f1_macro"], perfect["f1_macro"]) == (0.0, None, None)


def test_one_group_has_no_interval_though_models_differ():
    label = np.arange(20) % 2
    sure, unsure = (p * np.eye(2)[label] + (1 - p) / 2 for p in (0.8, 0.3))
    first, second = (drawn(label, p, np.zeros(20, int), 300)["loss"] for p in (sure, unsure))
    difference = bootstrap.difference(first, second)
    assert difference == (pytest.approx(np.log(0.9 / 0.65)), None, None)


def population(rng, groups, size):
    """Two models, right in 85 and 90 of 100; members of a group share most of their difficulty."""
    n = groups * size
    label, group = np.repeat(np.arange(groups) % 2, size), np.repeat(np.arange(groups), size)

    def latent():
        return 0.9 * np.repeat(rng.normal(size=groups), size) + 0.44 * rng.normal(size=n)

    common = latent()
    margins = [norm.ppf(a) + (common + latent()) / np.sqrt(2) for a in (0.85, 0.9)]
    return label, group, [np.where(m > 0, label, 1 - label) for m in margins]


@pytest.mark.parametrize("size", [1, 3])
def test_intervals_cover_the_true_difference(size):
    label, _, predicted = population(np.random.default_rng(9), 200_000, 1)
    scores = [f1_score(label, classes, average="macro") for classes in predicted]
    truth = {"accuracy": 0.05, "f1": scores[1] - scores[0]}
    rng = np.random.default_rng(size)
    hits = dict.fromkeys(truth, 0)
    for seed in range(200):
        label, group, predicted = population(rng, 80, size)
        models = [drawn(label, np.eye(2)[classes], group, 150, seed) for classes in predicted]
        right = [classes == label for classes in predicted]
        intervals = {
            "accuracy": paired.accuracy_difference(*right, group),
            "f1": bootstrap.difference(*(model["f1_macro"] for model in models)),
        }
        for name, interval in intervals.items():
            hits[name] += interval.low <= truth[name] <= interval.high
    # 190 of 200, with three standard errors (9) and, of F1, what 150 resamples lose.
    assert 180 <= hits["accuracy"] <= 199, hits
    assert 178 <= hits["f1"] <= 199, hits


def predictions(noise, n=30, names=NAMES, start=0):
    label = np.arange(start, start + n) % 2
    first = 1 / (1 + np.exp(-(2.0 - 4.0 * label + np.random.default_rng(noise).normal(0, 2.5, n))))
    identifier = np.array([f"{i:016x}" for i in range(start, start + n)], dtype=object)
    path = np.array([f"{i}.jpg" for i in range(start, start + n)], dtype=object)
    return Predictions(names, identifier, path, label, np.stack([first, 1 - first], axis=1))


def write(folder, noise, **changes):
    table = predictions(noise, **changes)
    write_predictions(folder / "predictions/test.csv", table, table.probabilities)


GRAPH = """
stages:
  evaluate:
    cmd: python -m stages.evaluate --dataset dataset --predictions predictions
"""


@pytest.fixture(scope="module")
def revisions(tmp_path_factory):
    """A DVC repository with the branches a and b, and some that do not fit."""
    folder = tmp_path_factory.mktemp("repository")
    (folder / "dvc.yaml").write_text(GRAPH)
    (folder / ".gitignore").write_text("dataset\nout\n")
    variants = {"a": {"noise": 1}, "b": {"noise": 2}, "short": {"noise": 1, "n": 20}}
    variants |= {"moved": {"noise": 1, "start": 1}}
    variants |= {"renamed": {"noise": 1, "names": ["007", "na"]}}
    make_branches(folder, variants, partial(write, folder))
    rows = [
        {
            "png": image_bytes(make_image(i, (32, 32))),
            "path": f"{i}.jpg",
            "image_id": f"{i:016x}",
            "label": i % 2,
            "group": i % 28,  # 0 and 28, 1 and 29 are near copies
        }
        for i in range(30)
    ]
    write_dataset(folder / "dataset/test", NAMES, PREPROCESSING, rows)
    return folder


@pytest.fixture
def repository(revisions, monkeypatch):
    """The repository as the working folder, with predictions of noise 0 in it."""
    monkeypatch.chdir(revisions)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    write(revisions, 0)
    return revisions


def test_three_revisions_are_compared_with_the_first(repository, capsys):
    main(["workspace", "a", "b", "--out", "out", "--resamples", "200"])
    printed = capsys.readouterr().out
    report = read_json("out/compare.json")
    label = predictions(0).label
    predicted = {name: predictions(i).probabilities.argmax(1) for i, name in enumerate("wab")}
    right = {name: classes == label for name, classes in predicted.items()}
    assert [row["revision"] for row in report["comparisons"]] == ["a", "b"]
    for row in report["comparisons"]:
        name = row["revision"]
        gained, lost = (right[name] & ~right["w"]).sum(), (right["w"] & ~right[name]).sum()
        assert row["against"] == "workspace"
        assert row["pictures"] == {"gained": gained, "lost": lost, "both_wrong": 0}
        assert row["accuracy"]["difference"] == pytest.approx((gained - lost) / 30)
        for key in ("accuracy", "f1_macro", "loss"):
            interval = row[key]
            assert interval["low"] < interval["difference"] < interval["high"]
            change = report["scores"][name][key] - report["scores"]["workspace"][key]
            assert interval["difference"] == pytest.approx(change)
        assert row["mcnemar"]["p_holm"] >= row["mcnemar"]["p_value"]
        assert f"{name} against workspace" in printed
        assert f"{row['accuracy']['difference']:+.4f}" in printed
    assert (report["pictures"], report["groups"], report["groups_known"]) == (30, 28, True)
    workspace = predicted["w"]
    differing = np.flatnonzero((workspace != predicted["a"]) | (workspace != predicted["b"]))
    table = pd.read_csv("out/disagreements.csv", dtype=str, keep_default_na=False)
    assert sorted(table["path"]) == sorted(f"{i}.jpg" for i in differing)
    row = table.iloc[0]
    number = int(row["path"].removesuffix(".jpg"))
    assert row["predicted:a"] == NAMES[predicted["a"][number]]
    assert float(row["p:a"]) == pytest.approx(predictions(1).probabilities[number].max(), abs=1e-4)
    assert (repository / "out/disagreements.png").stat().st_size > 5000


def test_of_few_disagreements_macro_f1_has_no_interval(repository, capsys):
    table = predictions(1)
    changed = table.probabilities.copy()
    changed[:4] = changed[:4, ::-1]
    write_predictions(repository / "predictions/test.csv", table, changed)
    main(["a", "workspace", "--out", "out", "--resamples", "100"])
    (row,) = read_json("out/compare.json")["comparisons"]
    assert row["f1_macro"]["low"] is None
    assert row["f1_macro"]["difference"] != 0
    assert row["accuracy"]["low"] < row["accuracy"]["high"]
    assert "no interval: predictions differ too little" in capsys.readouterr().out


def test_json_and_repeats_are_equal(repository, capsys):
    written = []
    for _ in range(2):
        main(["a", "b", "--out", "out", "--resamples", "100", "--json"])
        assert json.loads(capsys.readouterr().out) == read_json("out/compare.json")
        written.append([path.read_bytes() for path in sorted((repository / "out").iterdir())])
    assert len(written[0]) == 3
    assert written[0] == written[1]


def test_without_the_dataset_each_image_is_a_group_and_that_is_said(repository, capsys):
    (repository / "out").mkdir(exist_ok=True)
    (repository / "out/mine.txt").write_text("kept")
    (repository / "dataset").rename(repository / "away")
    try:
        main(["a", "b", "--out", "out", "--resamples", "100"])
    finally:
        (repository / "away").rename(repository / "dataset")
    assert "each counts by itself" in capsys.readouterr().err
    report = read_json("out/compare.json")
    assert (report["groups"], report["groups_known"]) == (30, False)
    assert not (repository / "out/disagreements.png").exists()
    assert (repository / "out/mine.txt").read_text() == "kept"


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ("nothing", r"the revisions to compare to name .* Received: 'nothing'"),
        ("empty", r"'empty' .* to have predictions/test\.csv\. Received: none in commit"),
        ("short", r"'short' .* same test images as a\. .* 20 images, not 30; .* has 20\.jpg"),
        ("moved", r"'moved' .* has 0\.jpg|'moved' .*: image_id .* in row 0 \(of 0\.jpg\)"),
        ("renamed", r"'renamed' .*: the classes \['007', 'na'\], not \['007', 'NA'\]"),
    ],
)
def test_what_cannot_be_compared_is_refused_with_the_difference(repository, other, message):
    with pytest.raises(StageError, match=message):
        main(["a", other, "--out", "refused"])
    assert not (repository / "refused").exists()


def test_another_label_of_the_same_image_is_named(repository):
    table = predictions(0)
    label = table.label.copy()
    label[7] = 1 - label[7]
    other = table._replace(label=label)
    write_predictions(repository / "predictions/test.csv", other, other.probabilities)
    with pytest.raises(StageError, match=r"label '007', not 'NA', in row 7 \(of 7\.jpg\)"):
        main(["a", "workspace", "--out", "refused"])


@pytest.mark.parametrize("words", [[], ["a"], ["a", "a"]])
def test_two_different_revisions_are_asked_for(words):
    with pytest.raises(StageError, match="two or more different revisions"):
        main(words)
