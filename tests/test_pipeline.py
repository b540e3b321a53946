"""dvc.yaml against the code: parameters, modules, flags and outputs."""

import ast
import re
import shlex
from pathlib import Path

import pytest
from pydantic import BaseModel
from ruamel.yaml import YAML

from stages.common.params import Params

ROOT = Path(__file__).parent.parent
GRAPH = YAML(typ="safe").load(ROOT / "dvc.yaml")
STAGES = GRAPH["stages"]
SUFFIXES = {".json", ".png", ".csv", ".parquet", ".npy"}


def module_file(name: str) -> Path | None:
    """File of a local module, relative to the project; None for packages and libraries."""
    path = Path(*name.split("."))
    for candidate in (path.with_suffix(".py"), path / "__init__.py"):
        if (ROOT / candidate).is_file():
            return candidate
    return None


def imported_names(file: Path) -> set[str]:
    """Dotted names that a file imports anywhere, and the packages above them."""
    names = set()
    for node in ast.walk(ast.parse((ROOT / file).read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative import"
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    parts = [name.split(".") for name in names]
    return {".".join(part[:end]) for part in parts for end in range(1, len(part) + 1)}


def local_modules(file: Path) -> set[Path]:
    """The file and every local module that it imports, transitively."""
    found, waiting = set(), [file]
    while waiting:
        current = waiting.pop()
        found.add(current)
        files = {module_file(name) for name in imported_names(current)} - {None}
        waiting += files - found
    return found


def parameters_read(stage: str) -> set[str]:
    """Dotted names of parameters: the chains of attributes that begin at `params`."""
    tree = ast.parse((ROOT / f"stages/{stage}.py").read_text())
    inner = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    found = set()
    for node in ast.walk(tree):
        if not isinstance(node, ast.Attribute) or id(node) in inner:
            continue
        chain = []
        while isinstance(node, ast.Attribute):
            chain.insert(0, node.attr)
            node = node.value
        if isinstance(node, ast.Name) and node.id == "params":
            found.add(".".join(known_part(chain)))
    return {name for name in found if not any(name.startswith(f"{other}.") for other in found)}


def known_part(chain: list[str]) -> list[str]:
    """The chain up to its last parameter: model.model_dump is model."""
    model, known = Params, []
    for name in chain:
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            break
        if name not in model.model_fields:
            break
        known.append(name)
        model = model.model_fields[name].annotation
    assert known, f"params.{'.'.join(chain)} is no parameter"
    return known


def paths(entries: list) -> set[str]:
    return {next(iter(entry)) if isinstance(entry, dict) else entry for entry in entries}


def outputs(stage: str) -> set[str]:
    declared = STAGES[stage]
    return set().union(*(paths(declared.get(kind, [])) for kind in ("outs", "metrics", "plots")))


def flags(stage: str) -> dict[str, str]:
    words = shlex.split(STAGES[stage]["cmd"])
    assert words[:3] == ["python", "-m", f"stages.{stage}"]
    return dict(zip(words[3::2], words[4::2], strict=True))


def test_the_stages_are_the_scripts():
    scripts = {path.stem for path in (ROOT / "stages").glob("*.py")}
    assert scripts == set(STAGES)
    expected = [
        "download",
        "clean",
        "split",
        "oversample",
        "extract",
        "train",
        "predict",
        "evaluate",
        "diagnose",
        "gradcam",
        "ensemble",
        "report",
    ]
    assert [stage for stage in STAGES if stage in expected] == expected


@pytest.mark.parametrize("stage", STAGES)
def test_parameters_read_are_declared_and_the_reverse(stage):
    assert parameters_read(stage) == set(STAGES[stage]["params"])


@pytest.mark.parametrize("stage", STAGES)
def test_every_local_module_is_a_dependency_and_the_reverse(stage):
    modules = {path.as_posix() for path in local_modules(Path(f"stages/{stage}.py"))}
    declared = {path for path in paths(STAGES[stage]["deps"]) if path.endswith(".py")}
    assert modules == declared


@pytest.mark.parametrize("stage", STAGES)
def test_every_path_flag_is_a_dependency_or_an_output(stage):
    declared = paths(STAGES[stage]["deps"]) | outputs(stage)
    used = set(flags(stage).values())
    assert used <= declared
    assert declared - used == {path for path in declared if path.endswith(".py")}


def test_every_parameter_is_read_by_some_stage():
    read = set().union(*(parameters_read(stage) for stage in STAGES))
    names = {"seed"} | set(Params.model_fields)
    assert {name.split(".")[0] for name in read} == names


def test_no_script_repeats_a_path_of_the_graph():
    known = {path for stage in STAGES for path in outputs(stage)}
    for file in [*(ROOT / "stages").rglob("*.py")]:
        strings = {
            node.value
            for node in ast.walk(ast.parse(file.read_text()))
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        }
        assert not strings & known, f"{file} holds a path of dvc.yaml"


def test_stages_reach_tensorflow_only_through_nn():
    """So that its log level and backend are set first, and light stages start fast."""
    heavy = re.compile(r"^(keras|tensorflow)(\.|$)")
    for stage in STAGES:
        for file in local_modules(Path(f"stages/{stage}.py")):
            if file.parts[:2] != ("stages", "nn"):
                assert not any(heavy.match(name) for name in imported_names(file)), file
    light = (
        "download",
        "clean",
        "split",
        "oversample",
        "evaluate",
        "diagnose",
        "ensemble",
        "report",
    )
    for stage in light:
        assert not any(
            file.parts[:2] == ("stages", "nn") for file in local_modules(Path(f"stages/{stage}.py"))
        )


def test_metrics_are_in_git_and_large_outputs_are_not():
    for stage, declared in STAGES.items():
        if stage == "report":  # it reads the folder of metrics, and has none of its own
            continue
        for entry in declared["metrics"]:
            ((path, options),) = entry.items()
            assert path == f"metrics/{stage}.json"
            assert options == {"cache": False}
