"""Metrics, warnings and the closing line, of verdicts made up by hand."""

from pathlib import Path

import numpy as np
import pytest

from stages.gradcam.summary import metrics_of, summary_of, warnings_of

GOOD = {"beats_random": True, "beats_centre": True, "gain": 0.2, "p_value": 0.01}
CENTRE = {"beats_random": False, "gain": 0.1, "p_value": 0.3}


def test_metrics_by_hand():
    heats = [np.array([[1.0, 0.5], [0.4, 0.0]]), np.zeros((2, 2))]
    chosen = {"cat": {"right": [3, 1], "wrong": []}, "dog": {"right": [], "wrong": [2]}}
    assert metrics_of(heats, chosen, 5, {"gradcam": GOOD}) == {
        "explained": 2,
        "per_class": {"cat": {"right": 2, "wrong": 0}, "dog": {"right": 0, "wrong": 1}},
        "mean_focus_area": pytest.approx((0.5 + 0) / 2),
        "tested": 5,
        "methods": {"gradcam": GOOD},
    }


def test_good_maps_are_not_warned_of():
    assert list(warnings_of({}, 0)) == []
    verdicts = {"gradcam": GOOD | {"randomised": {"head": 0.1, "all": 0.4}}, "random": {}}
    assert list(warnings_of(verdicts | {"centre": CENTRE}, 9)) == []


def test_maps_no_better_than_random_or_than_the_middle():
    bad = {"beats_random": False, "beats_centre": False, "gain": -0.0123, "p_value": 0.2}
    (text,) = warnings_of({"gradcam": bad, "random": {}, "centre": CENTRE}, 9)
    assert text.startswith("Grad-CAM does no better than a random map: gain -0.012 in area")
    assert "p = 0.2 on 9 test images" in text
    middling = GOOD | {"beats_centre": False}
    (text,) = warnings_of({"gradcam_pp": middling, "centre": CENTRE | {"beats_random": True}}, 9)
    assert text.startswith("Grad-CAM++ does no better than a blob in the middle of the image")
    assert list(warnings_of({"gradcam_pp": middling, "centre": CENTRE}, 9)) == []


def test_maps_that_stay_without_the_weights():
    likeness = {"head": 0.9, "last_1": 0.2, "all": None}
    (undefined, alike) = warnings_of({"gradcam": GOOD | {"randomised": likeness}}, 9)
    assert "undefined in the state all" in undefined
    assert "hardly changes" in alike
    assert "(state head: rank correlation 0.90)" in alike
    # Eigen-CAM takes no account of the head; the attention is all head.
    (undefined,) = warnings_of({"eigencam": GOOD | {"randomised": likeness}}, 9)
    assert len(list(warnings_of({"attention": GOOD | {"randomised": likeness}}, 9))) == 2
    likeness["all"] = 0.6
    (alike,) = warnings_of({"eigencam": GOOD | {"randomised": likeness}}, 9)
    assert "(state all: rank correlation 0.60)" in alike


def test_the_closing_line_names_what_is_better_than_random():
    verdicts = {"gradcam": GOOD, "eigencam": {"beats_random": False}, "centre": GOOD}
    methods = ["gradcam", "eigencam"]
    assert summary_of(7, 9, methods, verdicts, Path("plots")) == (
        "7 test images explained in plots; better than a random map on 9: Grad-CAM"
    )
    assert summary_of(7, 0, methods, {}, Path("plots")).endswith("on 0: none")
