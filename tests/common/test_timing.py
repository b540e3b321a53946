import json
import subprocess
import sys
import time

from common import timing
from common.files import sha256_of
from stages.report.stage_times import read_log
from tests.helpers.pipeline import ROOT


def test_a_stage_leaves_its_time_memory_and_what_it_wrote(tmp_path):
    """A real stage in a process of its own, with an import and a sleep that count."""
    (tmp_path / "common").symlink_to(ROOT / "common")
    package = tmp_path / "stages/nap"
    package.mkdir(parents=True)
    (package / "__main__.py").write_text(
        "import time\nfrom common import cli\n"
        "time.sleep(0.3)\n"
        "def main():\n"
        "    block = bytearray(300_000_000)\n"
        "    end = time.process_time() + 0.5\n"
        "    while time.process_time() < end: pass\n"
        "    open('nap.json', 'w').write('{}')\n"
        "cli.run(main)\n"
    )
    started = time.time()
    command = [sys.executable, "-m", "stages.nap", "--metrics", "nap.json"]
    subprocess.run(command, cwd=tmp_path, check=True, timeout=60)
    elapsed = time.time() - started
    log = json.loads((tmp_path / "logs/nap.json").read_text())
    assert 0.8 <= log["wall_seconds"] <= elapsed + 0.1
    assert 0.5 <= log["cpu_seconds"] <= elapsed + 0.5
    assert 3e8 < log["peak_bytes"] < 1e9
    assert log["metrics_sha256"] == sha256_of(tmp_path / "nap.json")
    assert read_log("nap", tmp_path / "logs") == log
    (tmp_path / "logs/nap.json").unlink()
    (tmp_path / "logs").rmdir()
    (tmp_path / "logs").write_text("in the way")
    subprocess.run(command, cwd=tmp_path, check=True, timeout=60)  # no log, and no failure


def test_other_programs_leave_no_log(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert timing.stage_name() is None
    timing.write_log()
    assert list(tmp_path.iterdir()) == []
