"""The whole default path, raw files to report, against a plain Keras notebook on the same files."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.timing import Row, seconds
from common.errors import StageError
from common.files import read_json
from common.tables.dataset import SPLITS, Dataset

RESULTS = ("data/", "models/", "report/", "metrics/", "plots/", "dvc.lock")


def copy_project(folder: Path, images: Path) -> Path:
    """A copy of the project without results, whose images are those of a folder."""
    project = folder / "project"
    listed = run(["git", "ls-files", "--cached", "--others", "--exclude-standard"], Path.cwd())
    for name in listed.splitlines():
        if not name.startswith(RESULTS):
            (project / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(name, project / name)
    for words in (["git", "init", "-q"], ["git", "add", "-A"]):
        run(words, project)
    run(["git", "-c", "user.name=x", "-c", "user.email=x@x", "commit", "-qm", "x"], project)
    params = project / "params.yaml"
    text = params.read_text(encoding="utf-8")
    for old, new in (
        ("  source: sample", "  source: path"),
        ("  path: data/source", f"  path: {images}"),
    ):
        if old not in text:
            raise StageError(f"Expected '{old.strip()}' in params.yaml. Received: another setting.")
        text = text.replace(old, new, 1)
    params.write_text(text, encoding="utf-8")
    return project


def run(words: list[str], folder: Path) -> str:
    """Standard output of a command; its complaints where it fails."""
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise StageError(f"Expected `{' '.join(words)}` to run. Received: {done.stderr[-2000:]}")
    return done.stdout


def split_folders(project: Path, folder: Path) -> None:
    """Links of the raw files by split and class, as the notebook wants them."""
    for name in SPLITS:
        split = Dataset(project / "data/dataset" / name)
        for path, label in zip(split.path, split.label, strict=True):
            link = folder / name / split.class_names[label] / path.replace("/", "_")
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to((project / "data/raw" / path).resolve())


def measure(images: Path) -> list[Row]:
    """Rows of the table for a folder of pictures, a folder for each class."""
    with tempfile.TemporaryDirectory() as scratch:
        project = copy_project(Path(scratch), images.resolve())
        ours = seconds(lambda: run([sys.executable, "-m", "dvc", "repro"], project))
        test = read_json(project / "metrics/evaluate.json")["test"]
        split_folders(project, Path(scratch) / "split")
        words = [sys.executable, "-m", "benchmarks.notebook", str(Path(scratch) / "split"), "224"]
        answer: list[str] = []
        theirs = seconds(lambda: answer.append(run(words, project)))
        notebook = json.loads(answer[0].strip().splitlines()[-1])
        variant = ["dvc", "exp", "run", "-S", "model.attention=pool"]
        variant += ["-S", "gradcam.faithfulness_images=0"]
        head = seconds(lambda: run([sys.executable, "-m", *variant], project))
    name = f"{images.name}, notebook with Keras alone"
    return [
        Row("whole path, raw files to report", name, ours, theirs, "s", theirs / ours, 5.0),
        Row("whole path, another head", name, head, theirs, "s", theirs / head, 12.0),
        _score("test accuracy", name, test["accuracy"], notebook["accuracy"], 1),
        _score("test loss", name, test["loss"], notebook["loss"], -1),
    ]


def _score(what: str, against: str, ours: float, theirs: float, sign: int) -> Row:
    return Row(what, against, ours, theirs, "", (ours / theirs) ** sign, 1.0)
