"""Fixtures of all tests: parameters for small images, and runs of the stages on them."""

import sys
from pathlib import Path

import pytest

from tests.helpers.images import write_images
from tests.helpers.pipeline import SMALL, STAGES, THREADS, Run, write_params

# Files that run the whole graph in DVC take minutes each. They begin, so that none of them is left
# to one process at the end while the other has nothing to do.
LONG = ("test_repro.py", "test_recipes_dvc.py", "test_compare.py", "test_search.py")


def pytest_collection_modifyitems(items):
    order = {name: number for number, name in enumerate(LONG)}
    items.sort(key=lambda item: order.get(item.path.name, len(LONG)))
    if "networks" in sys.modules:  # else a test of images alone would wait for TensorFlow
        from networks.runtime import configure

        configure(0, THREADS)  # TensorFlow takes the number of threads once per process


@pytest.fixture
def small_params(tmp_path):
    """A function that writes a params.yaml for small images, with further changes."""

    def write(**changes) -> Path:
        return write_params(tmp_path / "params.yaml", **(SMALL | changes))

    return write


@pytest.fixture
def run(tmp_path, small_params):
    """A fresh Run with its source folder at `source`; `run.params` may be rewritten."""
    return Run(tmp_path, small_params())


@pytest.fixture(scope="session")
def sampled_run(tmp_path_factory):
    """Download to oversample, run once on 3 imbalanced classes, in seconds; do not change it."""
    folder = tmp_path_factory.mktemp("whole")
    params = write_params(folder / "params.yaml", **SMALL)
    write_images(folder / "source", {"cat": 40, "dog": 20, "owl": 12})
    sampled = Run(folder, params)
    for stage in STAGES[: STAGES.index("extract")]:
        sampled.stage(stage)
    return sampled


@pytest.fixture(scope="session")
def whole_run(sampled_run):
    """`sampled_run` and all stages from extract to gradcam; look, but do not change it."""
    for stage in STAGES[STAGES.index("extract") : STAGES.index("ensemble")]:
        sampled_run.stage(stage)
    return sampled_run
