"""The graph under DVC itself, in a copy of the project, on small images."""

import json
import shutil
import time

import pytest
from ruamel.yaml import YAML

from common.files import read_json
from tests.helpers.dvc_project import copy_project
from tests.helpers.images import write_images
from tests.helpers.pipeline import SMALL, STAGES, write_params

AFTER_EXTRACT = STAGES[STAGES.index("train") :]


def outputs_that_repeat(project) -> dict:
    """All but the page of the report, which tells the time: when and how long each stage ran."""
    outputs = project.outputs()
    del outputs["report", "report/index.html"]
    return outputs


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    made = copy_project(tmp_path_factory.mktemp("project") / "copy")
    write_images(made.folder / "data/source", {"cat": 24, "dog": 12})
    write_params(made.folder / "params.yaml", **SMALL)
    made.commit("start")
    made.call("git", "tag", "start-of-it")
    made.first = made.call("dvc", "repro")
    made.commit("results")
    return made


def test_everything_runs_and_one_summary_line_closes_each_stage(project):
    assert project.ran(project.first) == STAGES
    for stage in STAGES:
        lines = [line for line in project.first.splitlines() if line.startswith(f"{stage}: ")]
        assert len([line for line in lines if ": warning: " not in line]) == 1, lines
        assert ": warning: " not in lines[-1]


def test_git_sees_metrics_and_small_plots_and_no_large_file(project):
    listed = set(project.call("git", "ls-files").split())
    without = {"inspect", "report"}  # which draw and tell what others measured
    metrics = {f"metrics/{stage}.json" for stage in STAGES if stage not in without}
    assert {name for name in listed if name.startswith("metrics/")} == metrics
    assert not any(name.startswith(("report", "logs", "models")) for name in listed)
    assert "plots/train/history.csv" in listed
    assert "plots/train/live/plots/metrics/live/val_loss.tsv" in listed
    assert "plots/evaluate/curves/roc.csv" in listed
    results = [name for name in listed if name.startswith(("data/", "plots/", "metrics/"))]
    assert not any(name.endswith((".png", ".npy", ".parquet", ".keras")) for name in results)
    assert project.call("git", "status", "--porcelain") == ""


def test_files_written_are_the_outputs_of_the_graph(project):
    graph = YAML(typ="safe").load(project.folder / "dvc.yaml")["stages"]
    declared = {
        next(iter(out)) if isinstance(out, dict) else out
        for stage in graph.values()
        for kind in ("outs", "metrics", "plots")
        for out in stage.get(kind, [])
    }
    written = {
        path.relative_to(project.folder).as_posix()
        for top in ("data", "models", "metrics", "plots", "report")
        for path in (project.folder / top).rglob("*")
        if path.is_file()
    }
    written = {path for path in written if not path.startswith("data/source/")}
    assert written
    for path in written:
        assert any(path == out or path.startswith(f"{out}/") for out in declared), path
    for out in declared:
        assert (project.folder / out).exists(), out


def test_a_second_run_does_nothing(project):
    output = project.call("dvc", "repro")
    assert project.ran(output) == []
    assert "up to date" in output


def test_the_report_tells_of_this_run(project):
    page = (project.folder / "report/index.html").read_text()
    accuracy = read_json(project.folder / "metrics/evaluate.json")["test"]["accuracy"]
    assert f'<data class="big" value="{accuracy}">' in page
    assert "from DVC&#39;s cache" not in page
    for stage in STAGES:
        assert (project.folder / f"logs/{stage}.json").is_file()
    drawn = [path for path in (project.folder / "plots").rglob("*.png") if path.is_file()]
    assert page.count("<img ") == len(drawn) > 20
    assert project.call("git", "rev-parse", "start-of-it").strip() in page


def test_all_plots_are_shown_and_fast(project):
    started = time.monotonic()
    project.call("dvc", "plots", "show")
    assert time.monotonic() - started < 10
    page = (project.folder / "dvc_plots/index.html").read_text()
    for path in (project.folder / "plots").rglob("*.png"):
        name = path.relative_to(project.folder).as_posix()
        assert f"workspace_{name.replace('/', '_')}" in page, name
    graph = YAML(typ="safe").load(project.folder / "dvc.yaml")
    for plot in graph["plots"]:
        ((name, _),) = plot.items()
        assert f'id = "{name}"' in page or f'id="{name}"' in page, name


def test_another_head_leaves_data_and_features_alone(project):
    output = project.call("dvc", "exp", "run", "-n", "with-mha", "-S", "model.attention=mha")
    assert project.ran(output) == AFTER_EXTRACT
    differences = project.call("dvc", "metrics", "diff", "HEAD", "--md")
    assert "test.loss" in differences
    table = json.loads(project.call("dvc", "exp", "show", "--json", "--no-pager"))
    assert "with-mha" in json.dumps(table)
    last = read_json(project.folder / "plots/train/live/metrics.json")
    assert {"step", "live"} == set(last)
    assert f'"live": {json.dumps(last["live"])}' in json.dumps(table)
    page = project.call("dvc", "plots", "diff", "main", "with-mha", "--json")
    for name in ("loss", "confusion", "roc", "pr"):
        assert f'"{name}"' in page, page[:2000]


def test_an_ensemble_of_experiments_runs_one_stage_alone(project):
    project.call("git", "checkout", "-q", "--", ".")
    project.call("dvc", "checkout")
    of_workspace = read_json(project.folder / "metrics/evaluate.json")
    member = ["-S", "ensemble.members=[with-mha]"]
    output = project.call("dvc", "exp", "run", "-n", "both", *member)
    assert project.ran(output) == ["ensemble", "report"]
    members = read_json(project.folder / "metrics/ensemble.json")["members"]
    assert set(members) == {"workspace", "with-mha"}
    assert sum(member["weight"] for member in members.values()) == pytest.approx(1)
    commit = members["with-mha"]["commit"]
    of_experiment = json.loads(project.call("git", "show", f"{commit}:metrics/evaluate.json"))
    for name, evaluated in (("workspace", of_workspace), ("with-mha", of_experiment)):
        scores = members[name]["test"]
        assert scores["accuracy"] == evaluated["test"]["accuracy"]
        assert scores["loss"] == pytest.approx(evaluated["test"]["loss"], abs=1e-4)
    output = project.call("dvc", "exp", "run", "-S", "ensemble.members=[with-mhaa]", fails=True)
    assert "'with-mhaa'" in output
    assert "Experiments: both, with-mha." in output
    assert "Traceback" not in output
    project.call("git", "checkout", "-q", "--", ".")
    project.call("dvc", "checkout")


def test_a_search_ends_in_an_experiment_that_scores_as_its_trial_did(project):
    search = ("python", "-m", "tools.search", "--minutes", "9", "--trials")
    output = project.call(*search, "1")
    loss = read_json(project.folder / "metrics/evaluate.json")["val"]["loss"]
    assert f"start  {loss:>12.4f}  as in params.yaml" in output
    assert "nothing better than the settings of params.yaml" in output
    hopeless = {"model__head__start": "random", "train__learning_rate": 1e-7}
    write_params(project.folder / "params.yaml", **(SMALL | hopeless))
    output = project.call(*search, "3")  # of other settings, so another search
    assert "continues" not in output
    assert project.ran(output) == AFTER_EXTRACT
    assert "search: warning: the best of 3 tries" in output
    line = next(line for line in output.splitlines() if line.split()[:1] in (["1"], ["2"]))
    scores = read_json(project.folder / "metrics/evaluate.json")
    assert f"{scores['val']['loss']:.4f}" == line.split()[1]
    assert any(name.startswith("search-") for name in project.experiments())
    assert len(list((project.folder / "search").glob("*.csv"))) == 2
    write_params(project.folder / "params.yaml", **(SMALL | {"augment__views": 3}))
    output = project.call(*search, "1", fails=True)
    assert "Received: changes in extract. Run `dvc repro oversample extract`" in output
    assert "Traceback" not in output
    project.call("git", "checkout", "-q", "--", ".")
    project.call("dvc", "checkout")


def test_another_backbone_leaves_the_data_alone(project):
    project.call("git", "checkout", "-q", "--", "params.yaml")
    output = project.call(
        *("dvc", "exp", "run", "-S", "model.backbone=mobilenet", "-S", "model.weights=none"),
        *("-S", "train.epochs=1"),
    )
    assert project.ran(output) == ["extract", *AFTER_EXTRACT]
    assert read_json(project.folder / "metrics/extract.json")["backbone"] == "mobilenet"


def test_forced_runs_repeat_byte_for_byte(project):
    project.call("git", "checkout", "-q", "--", "params.yaml")
    project.call("dvc", "repro")
    first = outputs_that_repeat(project)
    output = project.call("dvc", "repro", "--force", "--no-run-cache")
    assert project.ran(output) == STAGES
    second = outputs_that_repeat(project)
    assert len(first) >= 20
    assert {key for key in first if first[key] != second[key]} == set()


def test_new_images_run_it_all_again(project):
    write_images(project.folder / "data/source/more", {"owl": 6}, start=9)
    shutil.move(project.folder / "data/source/more/owl", project.folder / "data/source/owl")
    (project.folder / "data/source/more").rmdir()
    output = project.call("dvc", "repro", "split")
    assert project.ran(output) == ["download", "clean", "split"]
    assert read_json(project.folder / "metrics/split.json")["n_classes"] == 3


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-S", "train.epochs=many"], "train.epochs: expected"),
        (["-S", "model.attention=sea"], "model.attention: expected"),
        (["-S", "model.backbone=resnet9000"], "resnet9000"),
        (["-S", "data.path=data/nothing"], "data/nothing"),
    ],
)
def test_wrong_settings_stop_with_a_message_and_a_status(project, words, message):
    output = project.call("dvc", "exp", "run", *words, fails=True)
    assert message in output
    assert "Traceback" not in output
    project.call("git", "checkout", "-q", "--", "params.yaml")


def test_an_unknown_parameter_stops_dvc(project):
    output = project.call("dvc", "exp", "run", "-S", "model.atention=mha", fails=True)
    assert "atention" in output
