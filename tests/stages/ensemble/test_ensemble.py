"""The stage, on predictions that are written here; other revisions are those of a real DVC."""

import subprocess
from functools import partial

import numpy as np
import pytest

from common.errors import StageError
from common.files import read_json
from common.params import read_params
from common.tables.predictions import Predictions, read_predictions, write_predictions
from stages.ensemble import __main__ as ensemble
from stages.ensemble.revisions import read_member
from tests.helpers.dvc_project import make_branches
from tests.helpers.pipeline import write_params

NAMES = ["007", "NA"]
SIZE = {"val": 40, "test": 30}


def predictions(split, noise, n=None, names=NAMES, start=0):
    """Two classes in turn; the noise, of its own seed, decides how often they are missed."""
    n = n or SIZE[split]
    label = np.arange(start, start + n) % 2
    random = np.random.default_rng([noise, n])
    first = 1 / (1 + np.exp(-(2.0 - 4.0 * label + random.normal(0, 2.5, n))))
    identifier = np.array([f"{i:016x}" for i in range(start, start + n)], dtype=object)
    path = np.array([f"{i}.jpg" for i in range(start, start + n)], dtype=object)
    probabilities = np.stack([first, 1 - first], axis=1)
    return Predictions(names, identifier, path, label, probabilities)


def write(folder, noise, **changes):
    for split in SIZE:
        table = predictions(split, noise, **changes)
        write_predictions(folder / f"{split}.csv", table, table.probabilities)


def run(folder, **changes):
    params = write_params(folder / "params.yaml", **changes)
    flags = {"predictions": "predictions", "ensemble": "ensemble", "metrics": "m.json"}
    words = [f"--{flag}={value}" for flag, value in (flags | {"plot": "members.png"}).items()]
    ensemble.main([*words, f"--params={params}"])
    return read_json(folder / "m.json")


@pytest.fixture(scope="module")
def revisions(tmp_path_factory):
    """A DVC repository: branches a, b and c of other noise and some that do not fit; tag empty."""
    folder = tmp_path_factory.mktemp("repository")
    variants = {"a": {"noise": 1}, "b": {"noise": 2}, "c": {"noise": 3}}
    variants |= {"short": {"noise": 1, "n": 20}, "moved": {"noise": 1, "start": 1}}
    variants |= {"renamed": {"noise": 1, "names": ["007", "na"]}}
    make_branches(folder, variants, partial(write, folder / "predictions"))
    return folder


@pytest.fixture
def repository(revisions, monkeypatch):
    """The repository as the working folder, with predictions of noise 0 in it."""
    monkeypatch.chdir(revisions)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    (revisions / "m.json").unlink(missing_ok=True)
    write(revisions / "predictions", 0)
    return revisions


def test_alone_the_workspace_is_its_own_ensemble(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "predictions", 0)
    metrics = run(tmp_path)
    assert metrics["best_on_val"] == "workspace"
    assert metrics["members"]["workspace"]["weight"] == 1
    assert metrics["members"]["workspace"]["commit"] is None
    for split in SIZE:
        assert metrics["greedy"][split]["gain"]["wrong_to_right"] == 0
        same = (tmp_path / f"{folder}/{split}.csv" for folder in ("predictions", "ensemble"))
        assert len({path.read_bytes() for path in same}) == 1
    assert metrics["members"]["workspace"]["test"]["n_examples"] == SIZE["test"]


def test_members_are_read_from_their_revisions_and_scored(repository, capsys):
    metrics = run(repository, ensemble__members=["a", "b", "c"], ensemble__size=30)
    commit = subprocess.run(["git", "rev-parse", "b"], capture_output=True, text=True).stdout
    assert metrics["members"]["b"]["commit"] == commit.strip()
    weights = {name: member["weight"] for name, member in metrics["members"].items()}
    assert set(weights) == {"workspace", "a", "b", "c"}
    assert sum(weights.values()) == pytest.approx(1)
    assert len([w for w in weights.values() if w]) > 1
    alone = {name: member["val"]["loss"] for name, member in metrics["members"].items()}
    assert min(alone, key=alone.get) == metrics["best_on_val"]
    assert metrics["greedy"]["val"]["loss"] < min(alone.values())
    for split in SIZE:
        parts = [predictions(split, noise).probabilities for noise in range(4)]
        truth = predictions(split, 0).label
        mean = np.mean(parts, axis=0)
        accuracy = (mean.argmax(axis=1) == truth).mean()
        assert metrics["average"][split]["accuracy"] == pytest.approx(accuracy)
        written = read_predictions(repository / f"ensemble/{split}.csv", NAMES)
        shares = [weights[name] for name in ("workspace", "a", "b", "c")]
        mixed = np.tensordot(shares, np.stack(parts), axes=1)
        assert written["p_NA"].to_numpy() == pytest.approx(mixed[:, 1], abs=2e-6)
        gain = metrics["greedy"][split]["gain"]
        best = metrics["members"][metrics["best_on_val"]][split]
        change = (gain["wrong_to_right"] - gain["right_to_wrong"]) / SIZE[split]
        assert gain["accuracy"] == pytest.approx(change)
        assert metrics["greedy"][split]["accuracy"] == pytest.approx(best["accuracy"] + change)
    assert "ensemble: 4 members" in capsys.readouterr().out


def test_a_repeated_run_writes_the_same_bytes(repository):
    written = []
    for _ in range(2):
        run(repository, ensemble__members=["a", "b"])
        files = ("m.json", "members.png", "ensemble/val.csv", "ensemble/test.csv")
        written.append([(repository / file).read_bytes() for file in files])
    assert written[0] == written[1]


def test_equal_predictions_count_once(repository, capsys):
    write(repository / "predictions", 2)
    metrics = run(repository, ensemble__members=["a", "b"])
    assert "b has the same predictions as workspace" in capsys.readouterr().err
    assert metrics["members"]["b"]["weight"] == 0
    mean = (predictions("test", 2).probabilities + predictions("test", 1).probabilities) / 2
    accuracy = (mean.argmax(axis=1) == predictions("test", 0).label).mean()
    assert metrics["average"]["test"]["accuracy"] == pytest.approx(accuracy)


@pytest.mark.parametrize(
    ("member", "message"),
    [
        ("nothing", r"name finished experiments.*Received: 'nothing'.*There are no experiments"),
        ("empty", r"'empty' .* to have predictions/val\.csv\. Received: none in commit"),
        ("short", r"'short' .* same val images as workspace\. Received: 20 images, not 40"),
        ("moved", r"'moved' .*: image_id '0{15}1', not '0{16}', in row 0"),
        ("renamed", r"'renamed' .*: the classes \['007', 'na'\], not \['007', 'NA'\]"),
    ],
)
def test_what_is_no_member_stops_with_its_name(repository, member, message):
    with pytest.raises(StageError, match=message):
        run(repository, ensemble__members=["a", member])
    assert not (repository / "m.json").exists()


def test_another_label_of_the_same_image_is_named(repository):
    table = predictions("test", 0)
    label = table.label.copy()
    label[7] = 1 - label[7]
    other = table._replace(label=label)
    write_predictions(repository / "predictions/test.csv", other, other.probabilities)
    with pytest.raises(StageError, match=r"same test .*: label 'NA', not '007', in row 7"):
        run(repository, ensemble__members=["a"])


def test_predictions_that_the_cache_lost_are_missed(repository):
    lost = repository / ".dvc/lost"
    (repository / ".dvc/cache").rename(lost)
    try:
        with pytest.raises(StageError, match=r"'a' in DVC's cache\. Received: .*dvc fetch"):
            run(repository, ensemble__members=["a"])
    finally:
        lost.rename(repository / ".dvc/cache")


def test_a_worker_of_the_queue_looks_into_the_repository_that_sent_it(
    repository, tmp_path_factory, monkeypatch
):
    worker = tmp_path_factory.mktemp("worker")
    monkeypatch.chdir(worker)
    files = {split: worker / f"predictions/{split}.csv" for split in SIZE}
    monkeypatch.setenv("DVC_ROOT", str(repository))
    probabilities = read_member("c", files).predictions["val"].probabilities
    assert probabilities == pytest.approx(predictions("val", 3).probabilities, abs=1e-6)


def test_a_file_that_holds_no_predictions_is_refused(repository):
    (repository / "predictions/val.csv").write_text("")
    with pytest.raises(StageError, match=r"Expected predictions in predictions/val\.csv"):
        run(repository)
    (repository / "predictions/val.csv").write_text(
        "image_id,path,label,predicted,p_a\n1,1.jpg,b,a,1.0\n"
    )
    with pytest.raises(StageError, match=r"labels \['b'\] of classes \['a'\]"):
        run(repository)


@pytest.mark.parametrize(
    ("members", "message"),
    [(["a", "b", "a"], "Received twice: a"), (["workspace"], "without the workspace")],
)
def test_members_are_named_once_and_the_workspace_never(tmp_path, members, message):
    with pytest.raises(StageError, match=message):
        read_params(write_params(tmp_path / "params.yaml", ensemble__members=members))
