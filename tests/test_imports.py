"""What each stage imports: TensorFlow, scikit-learn and the like take seconds at every start."""

import subprocess
import sys

import pytest

from tests.helpers.pipeline import ROOT
from tests.test_pipeline import STAGES

HEAVY = ("tensorflow", "sklearn", "imblearn", "cleanlab", "matplotlib", "cv2", "gdown", "jinja2")
# TensorFlow where networks are computed; Keras imports the others there.
WITH_KERAS = {"tensorflow", "sklearn", "matplotlib", "cv2"}
ALLOWED = {
    "download": {"gdown", "matplotlib"},
    "clean": {"matplotlib"},
    "split": {"matplotlib"},
    "oversample": {"imblearn", "sklearn", "matplotlib"},
    "extract": WITH_KERAS,
    "train": WITH_KERAS,
    "inspect": WITH_KERAS,
    "predict": WITH_KERAS,
    "evaluate": {"sklearn", "matplotlib"},
    "diagnose": {"sklearn", "cleanlab", "matplotlib"},
    "gradcam": WITH_KERAS,
    "ensemble": {"sklearn", "matplotlib"},
    "report": {"jinja2"},
}


def test_every_stage_is_looked_at():
    assert set(ALLOWED) == set(STAGES)


@pytest.mark.parametrize("stage", ALLOWED)
def test_a_stage_imports_no_heavy_package_that_it_does_not_need(stage):
    code = (
        f"import sys, stages.{stage}.__main__; "
        f"print(*[name for name in {HEAVY} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert set(done.stdout.split()) <= ALLOWED[stage]
