"""Plan of the recipes' experiments: their order, and settings brought back to the last commit."""

from tests.helpers.pipeline import ROOT
from tools.recipes.planning import plan, settings_to_restore
from tools.recipes.reading import recipe_names


def test_an_ensemble_comes_last_and_changes_win(monkeypatch):
    monkeypatch.chdir(ROOT)
    planned = plan(recipe_names(), {"train.epochs": 3})
    assert {experiment.recipe for experiment in planned} == set(recipe_names())
    assert [experiment.name for experiment in planned][-1] == "ensemble"
    assert {experiment.params.train.epochs for experiment in planned} == {3}


def test_heat_maps_of_recipes_are_put_to_the_test_only_where_that_is_asked_for(monkeypatch):
    monkeypatch.chdir(ROOT)
    for changes, expected in (({}, 0), ({"gradcam.faithfulness_images": 9}, 9)):
        (experiment,) = plan(["fast"], changes)
        assert experiment.params.gradcam.faithfulness_images == expected


def test_settings_of_the_last_commit_are_restored_but_for_those_of_the_workspace():
    here = {"seed": 1, "train.epochs": 9, "train.ema": 0.5, "gradcam.opacity": 0.5, "model.new": 1}
    committed = {"seed": 2, "train.epochs": 40, "train.ema": 0.5, "gradcam.opacity": 1.0}
    assert settings_to_restore(here, committed) == {"train.epochs": 40}
