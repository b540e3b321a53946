"""The table of recipes, its cells by hand."""

from common.params import read_params
from tests.helpers.pipeline import ROOT
from tools.dvc_project.experiments import Outcome
from tools.recipes.reading import Experiment, Reference
from tools.recipes.table import Row, render, weights_of

PARAMS = read_params(ROOT / "params.yaml")


def test_cells_and_reasons():
    done = Outcome("success", {"accuracy": 0.5, "f1_macro": 0.25}, None)
    reference = Reference(accuracy=0.97, f1=None, data="its own")
    experiments = [Experiment("a", "x", {}, PARAMS), Experiment("b", None, {}, PARAMS)]
    text = render(
        [
            Row(experiments[0], reference, done, 61.4, None),
            Row(experiments[1], None, done, None, "no room"),
        ]
    )
    header, line, first, second, reason = text.splitlines()
    cells = [cell.strip() for cell in first.strip("|").split("|")]
    assert cells == ["a", "x", "imagenet", "0.500", "0.250", "0.970, F1", "61 s", "done"]
    cells = [cell.strip() for cell in second.strip("|").split("|")]
    assert cells == ["b", "", "imagenet", "", "", "none given", "", "failed"]
    assert len({len(row) for row in (header, line, first, second)}) == 1
    assert reason == "b failed: no room"


def test_weights_in_a_word():
    assert weights_of("none") == "random"
    assert weights_of(["imagenet", "none", "imagenet"]) == "imagenet + random"
    assert weights_of("my.h5") == "my.h5"
