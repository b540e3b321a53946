"""The project under DVC and git: its graph, its committed parameters, files git does not hold."""

import pytest
from ruamel.yaml import YAML

from common.errors import StageError
from tests.helpers.dvc_project import Project
from tests.helpers.pipeline import ROOT
from tools.dvc_project.experiments import error_line, experiment_words
from tools.dvc_project.graph import (
    committed_params,
    flags_of,
    metrics_files,
    output_hashes,
    untracked,
)


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """An empty git repository, which is the working folder."""
    monkeypatch.chdir(tmp_path)
    project = Project(tmp_path)
    project.call("git", "init", "-q", "-b", "main")
    return project


def test_paths_come_from_the_graph(monkeypatch):
    monkeypatch.chdir(ROOT)
    assert flags_of("train")["features"].as_posix() == "data/features"
    assert metrics_files()["evaluate"] == "metrics/evaluate.json"
    assert "report" not in metrics_files()


def test_outside_of_a_project_the_missing_graph_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StageError, match=r"Expected dvc\.yaml in .*top folder"):
        flags_of("train")


def test_hashes_are_those_of_the_lock(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    outs = [{"path": "a/b", "md5": "12.dir"}, {"path": "c"}]
    YAML().dump({"stages": {"x": {"outs": outs}, "y": {}}}, tmp_path / "dvc.lock")
    assert output_hashes() == {"a/b": "12.dir"}


def test_old_names_of_parameters_in_a_commit_are_understood(repository):
    content = {"seed": 1, "diagnose": {"pictures": 9, "folds": 5}}
    YAML().dump(content, repository.folder / "params.yaml")
    with pytest.raises(StageError, match=r"last commit holds params\.yaml.*Commit it first"):
        committed_params()
    repository.commit("of an earlier release")
    assert committed_params() == {"seed": 1, "diagnose": {"images": 9, "folds": 5}}


def test_what_git_does_not_hold_of_the_paths_is_found(repository, tmp_path):
    for name in ("held/a", "held/new/b", "fresh/deep/c"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
        if name == "held/a":
            repository.commit("some")
    paths = ["held", "fresh/deep", "nothing", str(tmp_path / "fresh")]
    assert untracked(paths) == ["fresh", "held/new"]
    with pytest.raises(StageError, match=r"inside the project.*Received: \.\./"):
        untracked(["../"])


def test_an_experiment_is_run_by_name_and_settings():
    words = experiment_words("tiny", {"model.attention": "none"})
    assert words == ["exp", "run", "--name", "tiny", "-S", "model.attention=none"]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("fine\nerror: Expected this\nERROR: failed to reproduce", "Expected this"),
        ("Traceback (most recent call last):\n  x\nKeyError: 3\nERROR: failed", "KeyError: 3"),
        ("one\ntwo\n\n", "two"),
        ("", "no output"),
    ],
)
def test_the_line_that_says_why_a_run_failed(text, line):
    assert error_line(text) == line
