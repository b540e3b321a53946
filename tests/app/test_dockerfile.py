"""Image of the server: its lock file, its packages and its folders agree with the project."""

import ast
import re
import sys
from pathlib import Path

from tests.helpers.pipeline import ROOT

PINNED = re.compile(r"^([a-z0-9][a-z0-9._-]*)==([^ ;\\\\]+)( ; [^\\\\]+)?", re.MULTILINE)
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")
# Packages whose modules have other names.
PACKAGES = {
    "PIL": "pillow",
    "markdown_it": "markdown-it-py",
    "prometheus_client": "prometheus-client",
    "python_multipart": "python-multipart",
}
OF_FASTAPI = {"pydantic", "starlette"}  # come with it, in versions that fit it


def pinned(name: str) -> set[tuple[str, str]]:
    return {(package, version) for package, version, _ in PINNED.findall((ROOT / name).read_text())}


def requirements() -> set[str]:
    lines = (ROOT / "app/requirements.txt").read_text().splitlines()
    return {line.split(";")[0].strip() for line in lines if line and line[0] != "#"}


def copied() -> list[str]:
    return re.findall(r"^COPY (\S+) ", (ROOT / "Dockerfile").read_text(), re.MULTILINE)


def imports(file: Path) -> set[str]:
    """Dotted names that a file imports anywhere."""
    names = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def local_file(name: str) -> Path | None:
    """File of a local module; None for packages and libraries."""
    path = ROOT.joinpath(*name.split("."))
    candidates = (path.with_suffix(".py"), path / "__init__.py")
    return next(filter(Path.is_file, candidates), None)


def served() -> tuple[set[Path], set[str]]:
    """Local files that the server imports, transitively, and the other packages."""
    files, packages = set(), set()
    waiting = list((ROOT / "app/serve").glob("*.py"))
    while waiting:
        file = waiting.pop()
        files.add(file)
        for name in imports(file):
            parts = name.split(".")
            if (ROOT / parts[0]).is_dir():
                above = (".".join(parts[:end]) for end in range(1, len(parts) + 1))
                waiting += {*map(local_file, above)} - files - {None}
            elif parts[0] not in sys.stdlib_module_names:
                packages.add(PACKAGES.get(parts[0], parts[0]))
    return files, packages


def test_every_version_is_the_tested_one():
    server, everything = pinned("app/requirements.lock"), pinned("requirements.lock")
    assert len(server) > 20
    assert server <= everything
    assert {"dvc", "pytest", "scikit-learn", "opencv-python-headless"}.isdisjoint(dict(server))


def test_every_package_asked_for_is_locked_with_hashes():
    locked = dict(pinned("app/requirements.lock"))
    assert requirements() <= set(locked)
    assert all(re.fullmatch("[a-z0-9-]+", name) for name in requirements())  # versions: the lock's
    blocks = re.split(r"\n(?=[a-z0-9])", (ROOT / "app/requirements.lock").read_text())
    assert all(HASH.search(block) for block in blocks)


def test_every_package_that_the_server_imports_is_asked_for():
    _, packages = served()
    assert {"fastapi", "tensorflow", "pandas"} <= packages
    assert packages - OF_FASTAPI <= requirements()


def test_the_image_gets_every_folder_that_the_server_imports_and_no_stage():
    files, _ = served()
    folders = {file.relative_to(ROOT).parts[0] for file in files}
    assert folders == {"app", "common", "networks"}
    assert not [file for file in files if file.is_relative_to(ROOT / "app/export")]
    assert copied() == ["app/requirements.lock", *sorted(folders - {"app"}), "app"]
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert {line for line in ignored if line.startswith("!")} == {f"!{name}" for name in folders}
    assert all((ROOT / path).exists() for path in copied())


def test_the_image_runs_as_nobody_with_checked_packages():
    text = (ROOT / "Dockerfile").read_text()
    assert re.search(r"^FROM python:3\.1[1-3]\.\d+-slim-\w+$", text, re.MULTILINE)
    assert re.search(r"^USER [1-9]\d*", text, re.MULTILINE)
    assert "--require-hashes" in text
