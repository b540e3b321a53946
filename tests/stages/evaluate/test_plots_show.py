"""`dvc plots show` on a large test set: counts are plotted, not images."""

import numpy as np
from ruamel.yaml import YAML

from common import tables
from common.metrics import confusion_matrix
from stages.evaluate.figures import confusion_table
from tests.helpers.dvc_project import Project
from tests.helpers.pipeline import ROOT


def test_counts_of_the_confusion_matrix():
    matrix = confusion_matrix(np.array([0, 0, 0, 1, 1]), np.array([0, 1, 1, 1, 0]), 3)
    found = confusion_table(matrix, ["a", "b", "c"])
    assert found.to_numpy().tolist() == [["a", "a", 1], ["a", "b", 2], ["b", "a", 1], ["b", "b", 1]]


def test_a_hundred_thousand_test_images_make_a_small_page(tmp_path):
    project = Project(tmp_path)
    project.call("git", "init", "-q", ".")
    project.call("dvc", "init", "-q")
    (tmp_path / ".dvc/plots").mkdir()
    template = (ROOT / ".dvc/plots/confusion_counts.json").read_text()
    (tmp_path / ".dvc/plots/confusion_counts.json").write_text(template)
    graph = YAML(typ="safe").load(ROOT / "dvc.yaml")
    (plot,) = [plot["confusion"] for plot in graph["plots"] if "confusion" in plot]
    (file,) = plot["y"]
    YAML().dump({"plots": [{"confusion": plot}]}, tmp_path / "dvc.yaml")
    rng = np.random.default_rng(0)
    names = [f"class {i}" for i in range(30)]
    said = rng.random((100_000, 30)).argmax(axis=1)
    rows = confusion_table(confusion_matrix(rng.integers(0, 30, 100_000), said, 30), names)
    assert (len(rows), rows["n"].sum()) == (900, 100_000)
    (tmp_path / file).parent.mkdir(parents=True)
    tables.write_plot_data(tmp_path / file, rows)
    project.call("dvc", "plots", "show")
    page = (tmp_path / "dvc_plots/index.html").read_text()
    assert len(page) < 1_000_000
    assert page.count('"predicted": "class 7"') == 30
    assert '"op": "sum"' in page
