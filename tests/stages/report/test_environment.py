import hashlib

from stages.report.environment import facts, lock_hash, revision
from tests.helpers.dvc_project import Project


def test_the_lock_counts_without_the_reports_own_entry(tmp_path):
    path = tmp_path / "dvc.lock"
    assert lock_hash(path) is None
    path.write_text("stages:\n  b: {md5: 1}\n  a: {md5: 2}\n")
    expected = hashlib.sha256(b'{"a":{"md5":2},"b":{"md5":1}}').hexdigest()
    assert lock_hash(path) == expected
    path.write_text("stages:\n  a: {md5: 2}\n  report: {md5: 9}\n  b: {md5: 1}\n")
    assert lock_hash(path) == expected
    path.write_text("stages:\n  a: {md5: 3}\n  b: {md5: 1}\n")
    assert lock_hash(path) != expected


def test_facts_name_the_packages_the_machine_and_the_threads(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    named = facts(threads=3)
    assert {"Python", "tensorflow", "numpy", "CPU", "Cores", "Memory"} <= set(named)
    assert named["Threads of TensorFlow"] == "3"
    assert named["sha256 of dvc.lock, the report's entry apart"] == "no such file"


def test_the_revision_names_what_was_changed_since_but_no_result(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert revision() == {"Git revision": "no git repository"}
    project = Project(tmp_path)
    project.call("git", "init", "-q")
    for name in ("code.py", "params.yaml"):
        (tmp_path / name).write_text("old")
    project.commit("start")
    commit = project.call("git", "rev-parse", "HEAD").strip()
    unchanged = {"Git revision": commit, "Changed since, results apart": "nothing"}
    assert revision(("metrics/",)) == unchanged
    (tmp_path / "metrics").mkdir()
    (tmp_path / "metrics/clean.json").write_text("{}")
    assert revision(("metrics/",)) == unchanged
    (tmp_path / "params.yaml").write_text("new")
    (tmp_path / "new.py").touch()
    changed = revision(("metrics/",))
    assert changed["Changed since, results apart"] == "new.py, params.yaml"
