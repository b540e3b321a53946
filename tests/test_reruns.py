"""An edit re-runs only what it can change: `dvc status` after edits of a copy of the project.

No stage runs: stand-ins are taken for the results of all stages.
"""

import contextlib
import sys
from collections.abc import Iterator

import pytest

from tests.helpers.dvc_project import Project, copy_project, write_stand_ins
from tests.helpers.pipeline import STAGES

FRAME = ("cli", "errors", "params", "schema", "timing")
NO_STAGE = ("app", "benchmarks", "docs", "recipes", "tests", "tools")  # folders that no stage uses
BUILD_BACKBONES = {"extract", "train"}


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Project:
    """A copy of the project in which nothing has changed; each test restores what it edits."""
    copy = copy_project(tmp_path_factory.mktemp("reruns") / "copy")
    write_stand_ins(copy)
    assert copy.changed_stages() == set()
    return copy


@contextlib.contextmanager
def edited(project: Project, *names: str, text="\n# edited\n", after="") -> Iterator[None]:
    """Adds a text to files, at their end or after `after`; a new file holds the text alone."""
    files = [project.folder / name for name in names]
    contents = {file: file.read_bytes() if file.exists() else None for file in files}
    for file, content in contents.items():
        old = (content or b"").decode()
        assert after in old
        head, anchor, tail = old.partition(after) if after else (old, "", "")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(head + anchor + text + tail)
    try:
        yield
    finally:
        for file, content in contents.items():
            if content is None:
                file.unlink()
            else:
                file.write_bytes(content)


def files_below(project: Project, folder: str) -> list[str]:
    """Files of text or code below a folder of the project, relative to the project."""
    return [
        path.relative_to(project.folder).as_posix()
        for path in sorted((project.folder / folder).rglob("*"))
        if path.suffix in (".py", ".md", ".yaml", ".js", ".html", ".css")
    ]


def test_a_new_parameter_in_the_schema_changes_nothing(project):
    field = "    new_parameter: int = 7\n"
    with edited(project, "common/schema.py", text=field, after="class Compute(Section):\n"):
        read = "from common.params import *; print(read_params('params.yaml').compute)"
        assert "new_parameter=7" in project.call(sys.executable, "-c", read)
        assert project.changed_stages() == set()


@pytest.mark.parametrize("module", FRAME)
def test_an_edit_of_the_frame_changes_nothing(project, module):
    with edited(project, f"common/{module}.py"):
        assert project.changed_stages() == set()


@pytest.mark.parametrize("stage", STAGES)
def test_an_edit_of_a_stage_changes_that_stage_alone(project, stage):
    with edited(project, f"stages/{stage}/__main__.py"):
        assert project.changed_stages() == {stage}


@pytest.mark.parametrize(
    ("file", "stage"),
    [
        ("common/reason_words.py", "report"),
        ("stages/clean/duplicates/new_way.py", "clean"),
        ("stages/clean/set_plots.py", "clean"),  # the pie of shares
        ("stages/gradcam/plots.py", "gradcam"),
        ("stages/inspect/history.py", "inspect"),  # the learning curves: nothing is trained anew
        ("stages/inspect/views.py", "inspect"),  # the augmented views: nothing is extracted anew
        ("stages/report/templates/report.css", "report"),
    ],
)
def test_what_one_stage_alone_uses_changes_that_stage_alone(project, file, stage):
    with edited(project, file):
        assert project.changed_stages() == {stage}


def test_a_new_family_of_backbones_changes_the_stages_that_build_them(project):
    with edited(project, "networks/backbones/new_family.py"):
        assert project.changed_stages() == BUILD_BACKBONES


def test_an_edit_of_shared_drawing_changes_no_stage_that_computes(project):
    with edited(project, "common/plots/bars.py"):
        changed = project.changed_stages()
    assert not changed & {"extract", "train", "predict"}
    assert "clean" in changed


def test_a_parameter_changes_the_stages_that_read_it(project):
    with edited(project, "params.yaml", text="0.123  # ", after="  opacity: "):
        assert project.changed_stages() == {"gradcam", "report"}  # the report shows all of them


def test_compiled_modules_change_nothing(project):
    compiled = [f"{folder}/__pycache__/new.pyc" for folder in ("stages/clean", "common/plots")]
    with edited(project, *compiled):
        assert project.changed_stages() == set()


def test_an_edit_of_what_no_stage_uses_changes_nothing(project):
    files = [file for folder in NO_STAGE for file in files_below(project, folder)]
    assert {"app", "tools", "tests", "recipes"} <= {file.split("/")[0] for file in files}
    with edited(project, *files, "docs/new.md", "README.md", "Makefile", "pyproject.toml"):
        assert project.changed_stages() == set()
