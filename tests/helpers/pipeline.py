"""The stages, run in this process on paths of a test, and parameters for small images."""

import functools
import re
import shlex
from importlib import import_module
from pathlib import Path

from ruamel.yaml import YAML

from common.preprocessing import Preprocessing

ROOT = Path(__file__).parents[2]
GRAPH = YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"]
STAGES = list(GRAPH)
THREADS = 2
PREPROCESSING = Preprocessing((64, 64), "stretch", 1_000_000)  # of datasets made by tests
SMALL = {
    "data__source": "path",
    "split__image_size": [64, 64],
    "augment__views": 2,
    "model__attention": "pool",
    "train__epochs": 12,
    "train__learning_rate": 0.005,
    "compute__threads": THREADS,
    "compute__batch_size": 16,
    "gradcam__per_class": 2,
    "gradcam__faithfulness_images": 6,
}


def write_params(path: Path, **changes) -> Path:
    """The project's params.yaml with some values changed: `split__val=0.2` for split.val."""
    yaml = YAML()
    content = yaml.load(ROOT / "params.yaml")
    for name, value in changes.items():
        *parents, last = name.split("__")
        section = content
        for parent in parents:
            section = section[parent]
        assert last in section, name
        section[last] = value
    yaml.dump(content, path)
    return path


def flags_of(stage: str) -> dict[str, str]:
    """The flags of a stage in dvc.yaml, without their dashes, and what follows each."""
    words = shlex.split(GRAPH[stage]["cmd"])[3:]  # after python -m stages.NAME
    flags = (word.removeprefix("--") for word in words[::2])
    return dict(zip(flags, words[1::2], strict=True))


def shortened(path: str) -> str:
    """A path of dvc.yaml as tests call it: raw for data/raw, m/ and p/ for metrics/ and plots/."""
    path = path.replace("${data.path}", "source")
    return re.sub("^(m)etrics/|^(p)lots/", r"\1\2/", path.removeprefix("data/"))


class Run:
    """The stages' own main functions, on paths below one folder.

    `run.clean()` runs the stage clean with the flags that it has in dvc.yaml, their paths
    `shortened`; the source is the folder `source`, where `download` is given no other.
    """

    def __init__(self, folder: Path, params: Path):
        self.folder, self.params = folder, params

    def __getattr__(self, name: str):
        if name not in GRAPH:
            raise AttributeError(name)
        return functools.partial(self.stage, name)

    def path(self, name: str) -> Path:
        """A path below the folder."""
        return self.folder / name

    def download(self, source="source") -> None:
        """Runs the stage download."""
        self.stage("download", source=source)

    def stage(self, name: str, **changes: str) -> None:
        """Runs a stage; `changes` are paths of flags that are not to be those of dvc.yaml."""
        paths = {flag: shortened(path) for flag, path in flags_of(name).items()} | changes
        words = [f"--{flag}={self.folder / path}" for flag, path in paths.items()]
        import_module(f"stages.{name}.__main__").main([f"--params={self.params}", *words])
