"""Recipe files: their content, checked before anything runs, and the experiments they ask for.

A recipe is `recipes/NAME.yaml`: `about`, the system it rebuilds; `reference`, that system's
published result or null; `settings`, dotted parameter names and their values; and, where a recipe
is several experiments, `variants`, a name and further settings for each.
"""

from pathlib import Path
from typing import Annotated, Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from common.errors import StageError
from common.params import Params, check_params
from tools.settings import Value, apply_settings

FOLDER = Path(__file__).parents[2] / "recipes"
Settings = dict[Annotated[str, Field(pattern=r"^[a-z0-9_]+(\.[a-z0-9_]+)*$")], Value]
Fraction = Annotated[float, Field(ge=0, le=1)]


class Strict(BaseModel):
    """No unknown keys, no other types, no later changes."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Reference(Strict):
    """The published result of a source system, as fractions; null where none was given."""

    accuracy: Fraction | None
    f1: Fraction | None
    data: str


class Recipe(Strict):
    """The content of a recipe file."""

    about: Annotated[str, Field(min_length=1)]
    reference: Reference | None
    settings: Settings
    variants: dict[Annotated[str, Field(pattern="^[a-z0-9_]+$")], Settings] = {}

    @model_validator(mode="after")
    def _variants_differ_in_the_same_parameters(self):
        """Otherwise the workspace would hand a setting of one variant on to the next."""
        if len({frozenset(variant) for variant in self.variants.values()}) > 1:
            raise ValueError("expected all variants to set the same parameters")
        twice = sorted(set().union(*self.variants.values()) & set(self.settings))
        if twice:
            raise ValueError(f"expected {', '.join(twice)} in settings or in variants, not in both")
        return self


class Experiment(NamedTuple):
    """One run of the pipeline that a recipe asks for.

    Attributes:
        recipe: the recipe's name.
        variant: the variant's name, or None.
        settings: dotted parameter names and their values, the variant's among them.
        params: what the pipeline makes of them, from `check_settings`.
    """

    recipe: str
    variant: str | None
    settings: dict[str, Value]
    params: Params | None = None

    @property
    def name(self) -> str:
        """RECIPE, or RECIPE-VARIANT: the name that the experiment has in DVC."""
        return self.recipe if self.variant is None else f"{self.recipe}-{self.variant}"


def recipe_names(folder: Path = FOLDER) -> list[str]:
    """The names of all recipes, sorted."""
    return sorted(path.stem for path in folder.glob("*.yaml"))


def read_recipe(name: str, folder: Path = FOLDER) -> Recipe:
    """Reads one recipe file.

    Raises:
        StageError: there is none of that name, or it is no recipe.
    """
    if name not in recipe_names(folder):
        names = ", ".join(recipe_names(folder))
        raise StageError(f"Expected the name of a recipe, one of {names}. Received: {name!r}.")
    path = folder / f"{name}.yaml"
    try:
        content = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
        return Recipe.model_validate(content)
    except (YAMLError, UnicodeDecodeError) as error:
        raise StageError(f"Expected {_short_path(path)} to be YAML. Received: {error}") from None
    except ValidationError as error:
        lines = "\n".join(f"  {_describe(item)}" for item in error.errors())
        raise StageError(f"{_short_path(path)} is no recipe:\n{lines}") from None


def experiments(name: str, recipe: Recipe) -> list[Experiment]:
    """The experiments of a recipe, not checked yet: one per variant, or one without variants."""
    variants = recipe.variants or {None: {}}
    return [
        Experiment(name, variant, recipe.settings | settings)
        for variant, settings in variants.items()
    ]


def check_settings(content: dict, experiment: Experiment) -> Params:
    """The parameters that an experiment would run with.

    Args:
        content: of params.yaml.
        experiment: what is set in it.

    Raises:
        StageError: the pipeline would refuse them, with file, parameter and reason.
    """
    variant = "" if experiment.variant is None else f", variant {experiment.variant},"
    source = f"{_short_path(FOLDER / experiment.recipe)}.yaml{variant} with params.yaml"
    return check_params(apply_settings(content, experiment.settings), source)


def _short_path(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


def _describe(item: dict[str, Any]) -> str:
    name = ".".join(str(step) for step in item["loc"]) or "the file"
    message = item["msg"].removeprefix("Value error, ")
    if item["type"] == "value_error":
        return message
    return f"{name}: {message}. Received: {item['input']!r}"
