"""The curves behind the plots, and `dvc plots show` on a large test set."""

import numpy as np
import pytest
from ruamel.yaml import YAML

from stages.evaluate import metrics
from stages.evaluate.csv_files import write_plot_data
from stages.evaluate.curves import confusion_table, ranking_curves
from stages.evaluate.metrics import confusion_matrix
from stages.evaluate.resampling import Resamples
from stages.evaluate.splits import Split
from tests.helpers.dvc_project import Project
from tests.helpers.pipeline import ROOT


def test_counts_of_the_confusion_matrix():
    matrix = confusion_matrix(np.array([0, 0, 0, 1, 1]), np.array([0, 1, 1, 1, 0]), 3)
    table = confusion_table(matrix, ["a", "b", "c"])
    assert table.to_numpy().tolist() == [["a", "a", 1], ["a", "b", 2], ["b", "a", 1], ["b", "b", 1]]


def test_ranking_curves_of_classes_of_all_pairs_and_their_mean():
    label = np.array([0, 0, 1, 1])
    second = np.array([0.1, 0.6, 0.4, 0.9])
    path = np.array(list("wxyz"), object)
    split = Split(path, label, np.c_[1 - second, second], Resamples(label, label, 100, 0))
    curves = ranking_curves(split, ["a", "b"], metrics.roc_curves)
    assert list(curves.classes) == ["a", "b"]
    for x, y in (*curves.classes.values(), curves.micro):
        # Of four pairs of a right and a wrong score one is in the wrong order.
        assert np.trapezoid(y, x) == pytest.approx(0.75)
    assert curves.macro[1][-1] == 1
    one_class = Split(path[:2], label[:2], split.probabilities[:2], None)
    alone = ranking_curves(one_class, ["a", "b"], metrics.roc_curves)
    assert (alone.classes, alone.macro) == ({}, None)


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
    predicted = rng.random((100_000, 30)).argmax(axis=1)
    rows = confusion_table(confusion_matrix(rng.integers(0, 30, 100_000), predicted, 30), names)
    assert (len(rows), rows["n"].sum()) == (900, 100_000)
    (tmp_path / file).parent.mkdir(parents=True)
    write_plot_data(tmp_path / file, rows)
    project.call("dvc", "plots", "show")
    page = (tmp_path / "dvc_plots/index.html").read_text()
    assert len(page) < 1_000_000
    assert page.count('"predicted": "class 7"') == 30
    assert '"op": "sum"' in page
