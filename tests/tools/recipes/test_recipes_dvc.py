"""Recipes through DVC itself: one in the workspace, several through the queue."""

import json
import re
import shutil
import time

import pytest
from ruamel.yaml import YAML

from common.files import read_json
from tests.helpers.dvc_project import copy_project
from tests.helpers.images import write_images
from tests.helpers.pipeline import SMALL, STAGES, write_params

TINY = """
about: A head without attention, in two variants.
reference: {accuracy: 0.5, f1: null, data: made up}
settings: {model.attention: none, train.patience: 3}
variants:
  avg: {model.head.pooling: avg}
  max: {model.head.pooling: max}
"""
# Called so as to come first by its name; it has to come last.
A_SUM = """
about: The two variants of tiny put together, beside a head like tiny-avg.
reference: null
settings: {model.attention: none, train.patience: 3, ensemble.members: [tiny-avg, tiny-max]}
"""
BROKEN = """
about: Weights from a file that is not there.
reference: null
settings: {model.weights: "nothing, here.h5"}
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A copy of the project with recipes of its own, and images that git ignores."""
    made = copy_project(tmp_path_factory.mktemp("project") / "copy")
    for path in (made.folder / "recipes").glob("*.yaml"):
        path.unlink()
    (made.folder / "recipes/a_sum.yaml").write_text(A_SUM)
    (made.folder / "recipes/broken.yaml").write_text(BROKEN)
    (made.folder / "recipes/tiny.yaml").write_text(TINY)
    write_images(made.folder / "data/source", {"cat": 24, "dog": 12})
    changes = {"model__weights": "none", "train__epochs": 1}
    write_params(made.folder / "params.yaml", **(SMALL | changes))
    made.commit("start")
    yield made
    made.call("dvc", "queue", "stop", "--kill")
    shutil.rmtree(made.folder / ".dvc/tmp")


def recipes(project, *words, fails=False):
    return project.call("python", "-m", "tools.recipes", *words, fails=fails)


def row(output, name):
    """The cells of a line of the table, in the order of its header, as a dict."""
    lines = [line.strip("| ").split("|") for line in output.splitlines() if line[:1] == "|"]
    header, *body = [[cell.strip() for cell in line] for line in lines]
    (cells,) = [line for line in body if "-".join(filter(None, line[:2])) == name]
    return dict(zip(header, cells, strict=True))


def model(project):
    return YAML(typ="safe").load(project.folder / "params.yaml")["model"]


def test_what_cannot_run_is_refused_before_anything_runs(project):
    assert "broken" in recipes(project, "--list")
    output = recipes(project, "tiny", "--set", "train.epochs=many", fails=True)
    assert "recipes/tiny.yaml, variant avg," in output
    assert "train.epochs: expected" in output
    output = recipes(project, "huge", fails=True)
    assert "Expected the name of a recipe, one of a_sum, broken, tiny. Received: 'huge'" in output
    assert "neither" in recipes(project, fails=True)
    assert project.call("git", "status", "--porcelain") == ""


def test_a_recipe_runs_in_the_workspace_each_variant_by_itself(project):
    output = recipes(project, "tiny", "--set", "oversample.target_ratio=0.7", "model.layer=")
    first, second = output.split("==> tiny-max")
    assert project.ran(first) == STAGES
    assert project.ran(second) == STAGES[STAGES.index("train") :]
    assert (model(project)["attention"], model(project)["head"]["pooling"]) == ("none", "max")
    accuracy = read_json(project.folder / "metrics/evaluate.json")["test"]["accuracy"]
    cells = row(output, "tiny-max")
    assert cells["accuracy"] == f"{accuracy:.3f}"
    assert re.fullmatch(r"\d+ s", cells.pop("time"))
    del cells["accuracy"], cells["macro F1"]
    assert cells == {
        "recipe": "tiny",
        "variant": "max",
        "weights": "random",
        "reference": "0.500, F1",
        "status": "done",
    }
    assert "git checkout . && dvc checkout" in output
    listed = project.call("dvc", "exp", "list", "--name-only").split()
    assert sorted(listed) == ["tiny-avg", "tiny-max"]


def test_all_go_through_the_queue_and_one_failure_stops_no_other(project):
    output = recipes(project, "--all", fails=True)
    # The workspace still holds the last recipe's settings: they must not slip into these.
    assert "model.attention: pool, as in the last commit, not none" in output
    assert "oversample.target_ratio: 0.5, as in the last commit, not 0.7" in output
    assert "tiny-avg: replaces the experiment of that name" in output
    for name in ("tiny-avg", "tiny-max", "a_sum"):
        cells = row(output, name)
        assert (cells["status"], cells["weights"]) == ("done", "random")
        assert re.fullmatch(r"[01]\.\d{3}", cells["accuracy"])
        assert re.fullmatch(r"\d+ s", cells["time"])
    broken = row(output, "broken")
    assert (broken["status"], broken["accuracy"]) == ("failed", "")
    assert "broken failed: Expected the weights file named by model.weights at nothing" in output
    experiments = json.loads(project.call("dvc", "exp", "show", "--json"))
    by_name = {item["name"]: item for base in experiments for item in base.get("experiments") or []}
    metrics = by_name["a_sum"]["revs"][0]["data"]["metrics"]["metrics/ensemble.json"]["data"]
    assert set(metrics["members"]) == {"workspace", "tiny-avg", "tiny-max"}
    assert row(output, "a_sum")["accuracy"] == f"{metrics['greedy']['test']['accuracy']:.3f}"
    ratio = {
        name: item["revs"][0]["data"]["params"]["params.yaml"]["data"]["oversample"]["target_ratio"]
        for name, item in by_name.items()
    }
    assert ratio == dict.fromkeys(("a_sum", "broken", "tiny-avg", "tiny-max"), 0.5)


def test_queue_only_queues(project):
    # The worker of the test before takes what is queued while it winds down.
    project.call("dvc", "queue", "stop")
    for _ in range(120):
        if "0 active, 0 idle" in project.call("dvc", "queue", "status"):
            break
        time.sleep(1)
    output = recipes(project, "tiny", "--queue", "--set", "model.attention=se")
    assert "dvc queue start" in output
    status = project.call("dvc", "queue", "status")
    assert re.search(r"tiny-avg .*Queued", status)
    assert re.search(r"tiny-max .*Queued", status)
    assert "tiny-avg" not in project.call("dvc", "exp", "list", "--name-only").split()
