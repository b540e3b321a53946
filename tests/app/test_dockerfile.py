"""The image of the server: its lock file and its Dockerfile agree with the rest of the project."""

import re

from tests.helpers.pipeline import ROOT

PINNED = re.compile(r"^([a-z0-9][a-z0-9._-]*)==([^ ;\\\\]+)( ; [^\\\\]+)?", re.MULTILINE)
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")


def pinned(name: str) -> set[tuple[str, str]]:
    return {(package, version) for package, version, _ in PINNED.findall((ROOT / name).read_text())}


def test_every_version_is_the_tested_one():
    server, everything = pinned("app/requirements.lock"), pinned("requirements.lock")
    assert len(server) > 20
    assert server <= everything
    assert {"dvc", "pytest", "scikit-learn", "openvino"}.isdisjoint(dict(server))


def test_every_package_asked_for_is_locked_with_hashes():
    lines = (ROOT / "app/requirements.txt").read_text().splitlines()
    asked = {line.split(";")[0].strip() for line in lines if line and line[0] != "#"}
    locked = dict(pinned("app/requirements.lock"))
    assert asked <= set(locked)
    assert all(re.fullmatch("[a-z0-9-]+", name) for name in asked)  # the versions are the lock's
    blocks = re.split(r"\n(?=[a-z0-9])", (ROOT / "app/requirements.lock").read_text())
    assert all(HASH.search(block) for block in blocks)


def test_the_image_gets_all_it_copies_and_runs_as_nobody():
    text = (ROOT / "Dockerfile").read_text()
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    copied = re.findall(r"^COPY (\S+) ", text, re.MULTILINE)
    assert copied == ["app/requirements.lock", "stages", "app"]
    for path in copied:
        assert (ROOT / path).exists()
        assert f"!{path.split('/')[0]}" in ignored
    assert re.search(r"^FROM python:3\.1[1-3]\.\d+-slim-\w+$", text, re.MULTILINE)
    assert re.search(r"^USER [1-9]\d*", text, re.MULTILINE)
    assert "--require-hashes" in text
