"""The plots and metrics of all stages, on one run of the whole path."""

import json

import numpy as np
from PIL import Image


def test_every_plot_is_an_image_of_readable_size(whole_run):
    files = sorted(whole_run.path("p").rglob("*.png"))
    names = {file.relative_to(whole_run.path("p")).as_posix() for file in files}
    assert {
        "evaluate/images/confusion.png",
        "evaluate/images/roc.png",
        "evaluate/images/pr.png",
        "gradcam/cat.png",
        "gradcam/dog.png",
        "gradcam/owl.png",
        "gradcam/summary.png",
        "gradcam/methods.png",
        "gradcam/faithfulness.png",
        "gradcam/randomisation.png",
        "inspect/views.png",
        "diagnose/confident_mistakes.png",
        "diagnose/label_errors.png",
        "diagnose/plane.png",
        "diagnose/unsure_hits.png",
        "clean/classes.png",
        "split/samples.png",
        "inspect/history.png",
        "inspect/architecture.png",
        "inspect/attention/positions.png",
    } <= names
    for file in files:
        with Image.open(file) as image:
            assert min(image.size) >= 150, file
            assert max(image.size) <= 4000, file
            assert np.asarray(image.convert("L")).std() > 5, file


def test_metrics_hold_no_times_and_no_paths(whole_run):
    """They are in dvc.lock: the same run must give the same bytes."""
    for file in whole_run.path("m").glob("*.json"):
        text = file.read_text()
        assert "second" not in text
        assert str(whole_run.folder) not in text
        assert text == json.dumps(json.loads(text), indent=2, sort_keys=True) + "\n"
