"""dvc.yaml against the code: parameters, modules, flags, outputs, and who may import whom."""

import ast
import re
import shlex
from functools import cache
from pathlib import Path

import pytest
from pydantic import BaseModel
from ruamel.yaml import YAML

from common.params import Params

ROOT = Path(__file__).parents[1]
GRAPH = YAML(typ="safe").load(ROOT / "dvc.yaml")
STAGES = GRAPH["stages"]
CODE = ("stages", "networks", "common")
# No dependency in dvc.yaml: decides whether a stage runs and what it says, but no byte of what it
# writes, times in the report apart.
FRAME = {f"common/{name}.py" for name in ("cli", "errors", "params", "schema", "timing")}


def module_file(name: str) -> Path | None:
    """File of a local module, relative to the project; None for packages and libraries."""
    path = Path(*name.split("."))
    for candidate in (path.with_suffix(".py"), path / "__init__.py"):
        if (ROOT / candidate).is_file():
            return candidate
    return None


@cache
def imported_names(file: Path) -> set[str]:
    """Dotted names that a file imports anywhere, and the packages above them."""
    names = set()
    for node in ast.walk(ast.parse((ROOT / file).read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative import"
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    split_names = [name.split(".") for name in names]
    return {".".join(words[:end]) for words in split_names for end in range(1, len(words) + 1)}


def imported_files(file: Path) -> set[Path]:
    """The local modules that a file imports itself."""
    return {module_file(name) for name in imported_names(file)} - {None, file}


def files_of(*folders: str) -> list[Path]:
    """The Python files below folders of the project, relative to it."""
    return [
        path.relative_to(ROOT)
        for folder in folders
        for path in sorted((ROOT / folder).rglob("*.py"))
    ]


def local_modules(stage: str) -> set[Path]:
    """The files of a stage and every local module that they import, transitively."""
    reached, waiting = set(), files_of(f"stages/{stage}")
    while waiting:
        current = waiting.pop()
        if current not in reached:
            reached.add(current)
            waiting += imported_files(current)
    return reached


def is_only_prose(file: Path) -> bool:
    """Whether a file holds nothing but a docstring, as most `__init__.py` do."""
    statements = ast.parse((ROOT / file).read_text()).body
    return all(isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant) for s in statements)


def is_code(path: str) -> bool:
    """Whether a dependency of dvc.yaml is code, a file or a folder of it."""
    return path.split("/")[0] in CODE


def parameters_read(stage: str) -> set[str]:
    """Dotted names of parameters: the chains of attributes that begin at `params`."""
    tree = ast.parse((ROOT / f"stages/{stage}/__main__.py").read_text())
    inner = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    names = set()
    for node in ast.walk(tree):
        if not isinstance(node, ast.Attribute) or id(node) in inner:
            continue
        chain = []
        while isinstance(node, ast.Attribute):
            chain.insert(0, node.attr)
            node = node.value
        if isinstance(node, ast.Name) and node.id == "params":
            names.add(".".join(known_part(chain)))
    return {name for name in names if not any(name.startswith(f"{other}.") for other in names)}


def known_part(chain: list[str]) -> list[str]:
    """The chain up to its last parameter: model.model_dump is model."""
    model, parameters = Params, []
    for name in chain:
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            break
        if name not in model.model_fields:
            break
        parameters.append(name)
        model = model.model_fields[name].annotation
    assert parameters, f"params.{'.'.join(chain)} is no parameter"
    return parameters


def paths(entries: list) -> set[str]:
    return {next(iter(entry)) if isinstance(entry, dict) else entry for entry in entries}


def outputs(stage: str) -> set[str]:
    declared = STAGES[stage]
    return set().union(*(paths(declared.get(kind, [])) for kind in ("outs", "metrics", "plots")))


def flags(stage: str) -> dict[str, str]:
    words = shlex.split(STAGES[stage]["cmd"])
    assert words[:3] == ["python", "-m", f"stages.{stage}"]
    return dict(zip(words[3::2], words[4::2], strict=True))


def test_the_stages_are_the_packages():
    packages = {path.parent.name for path in (ROOT / "stages").glob("*/__main__.py")}
    assert packages == set(STAGES)
    assert packages == {path.name for path in (ROOT / "stages").glob("[a-z]*")}
    order = list(STAGES)
    produced = {path: stage for stage in STAGES for path in outputs(stage)}
    for stage in STAGES:
        for path in paths(STAGES[stage]["deps"]):
            maker = produced.get(path)
            assert maker is None or order.index(maker) < order.index(stage), (stage, path)


@pytest.mark.parametrize("stage", STAGES)
def test_parameters_read_are_declared_and_the_reverse(stage):
    assert parameters_read(stage) == set(STAGES[stage]["params"])


@pytest.mark.parametrize("stage", STAGES)
def test_every_local_module_is_a_dependency_and_the_reverse(stage):
    declared = {path for path in paths(STAGES[stage]["deps"]) if is_code(path)}
    needed = {
        file.as_posix()
        for file in local_modules(stage)
        if file.as_posix() not in FRAME and not is_only_prose(file)
    }

    def covers(path: str, file: str) -> bool:
        return file == path or file.startswith(f"{path}/")

    for file in needed:
        assert any(covers(path, file) for path in declared), f"{stage} lacks {file}"
    for path in declared - set(flags(stage).values()):
        assert any(covers(path, file) for file in needed), f"{stage} does not import {path}"


def test_the_frame_is_no_dependency_and_all_that_common_has_beside_contracts():
    declared = set().union(*(paths(STAGES[stage]["deps"]) for stage in STAGES))
    assert not declared & (FRAME | {"common", "networks", "stages"})
    shared = {file.as_posix() for file in files_of("common") if not is_only_prose(file)}
    assert shared >= FRAME
    rest = shared - FRAME
    assert {path for path in rest if not path.startswith("common/plots/")} <= declared


def test_the_frame_says_so_where_dependencies_stand():
    head = (ROOT / "dvc.yaml").read_text().partition("stages:")[0]
    for path in FRAME:
        assert re.search(rf"\b{Path(path).stem}\b", head), path


@pytest.mark.parametrize("stage", STAGES)
def test_every_path_flag_is_a_dependency_or_an_output(stage):
    declared = paths(STAGES[stage]["deps"]) | outputs(stage)
    used = set(flags(stage).values())
    assert used <= declared
    assert {path for path in declared - used if not is_code(path)} == set()


def test_every_parameter_is_read_by_some_stage():
    read = set().union(*(parameters_read(stage) for stage in STAGES))
    names = {"seed"} | set(Params.model_fields)
    assert {name.split(".")[0] for name in read} == names


def test_no_script_repeats_a_path_of_the_graph():
    graph_paths = {path for stage in STAGES for path in outputs(stage)}
    for file in files_of(*CODE):
        strings = {
            node.value
            for node in ast.walk(ast.parse((ROOT / file).read_text()))
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        }
        assert not strings & graph_paths, f"{file} holds a path of dvc.yaml"


def room(file: Path) -> str:
    """The top folder of a file; of stages, app and tools the room within it, too."""
    parts = file.parent.parts
    return "/".join(parts[:2] if parts[0] in ("stages", "app", "tools") else parts[:1])


def test_who_may_import_whom():
    """Stages: common and networks. App: these, and what app/ shares. Tools: stages, too."""
    for file in files_of(*CODE, "app", "tools"):
        for other in imported_files(file):
            top, other_top = file.parts[0], other.parts[0]
            arrow = f"{file} imports {other}"
            if is_only_prose(other):
                continue
            if other_top == "stages":
                assert top == "tools" or room(file) == room(other), arrow
            if other_top == "app":
                assert top == "app" and room(other) in (room(file), "app"), arrow
            if other_top == "tools":
                assert top == "tools", arrow
            if other_top == "networks":
                assert top != "common", arrow
            if other.as_posix() in FRAME or top in ("app", "tools"):
                continue
            assert file.as_posix() not in FRAME or other == Path("common/files.py"), arrow


def test_no_module_imports_itself_in_a_circle():
    files = files_of(*CODE, "app", "tools")
    imports = {file: {other for other in imported_files(file) if other in files} for file in files}
    while True:
        free = {file for file, others in imports.items() if not others - {file}}
        if not free:
            break
        imports = {file: others - free for file, others in imports.items() if file not in free}
    assert not imports, f"in circles: {sorted(map(str, imports))}"


def test_stages_reach_tensorflow_only_through_networks():
    """So that its log level and backend are set first, and light stages start fast."""
    heavy = re.compile(r"^(keras|tensorflow)(\.|$)")
    light = {
        "download",
        "clean",
        "split",
        "oversample",
        "evaluate",
        "diagnose",
        "ensemble",
        "report",
    }
    for stage in STAGES:
        reached = local_modules(stage)
        needs = any(heavy.match(name) for file in reached for name in imported_names(file))
        assert needs == (stage not in light)
        assert needs == (Path("networks/__init__.py") in reached)


def test_metrics_are_in_git_and_large_outputs_are_not():
    for stage, declared in STAGES.items():
        if stage in (
            "inspect",
            "report",
        ):  # the one draws, the other tells: no numbers of their own
            assert "metrics" not in declared
            continue
        for entry in declared["metrics"]:
            ((path, options),) = entry.items()
            assert path == f"metrics/{stage}.json"
            assert options == {"cache": False}
