"""The choice of test images, and their order."""

import numpy as np
import pandas as pd

from stages.gradcam.choice import choose_for_gallery, choose_for_tests, interleave


def test_right_ones_are_spread_over_confidence_and_wrong_ones_are_the_surest():
    sure = np.array([0.9, 0.5, 0.7, 0.6, 0.8, 0.95, 0.55])
    table = pd.DataFrame({"label": "a", "predicted": ["a"] * 5 + ["b"] * 2, "p_a": sure})
    table["p_b"] = np.where(table["predicted"] == "b", sure, 0)
    table.loc[5:, "p_a"] = 0
    assert choose_for_gallery(table, "a", 3) == {"right": [0, 2, 1], "wrong": [5, 6]}
    assert choose_for_gallery(table, "a", 1) == {"right": [0], "wrong": [5]}
    assert choose_for_gallery(table, "b", 3) == {"right": [], "wrong": []}


def test_images_are_chosen_evenly_over_classes_and_copies_once():
    label = np.array([0] * 50 + [1] * 3 + [2] * 7)
    group = np.arange(60)
    group[53:] = 53  # all of class 2 are copies of one image
    rows = choose_for_tests(label, group, 9, seed=4)
    assert rows == sorted(set(rows)) == choose_for_tests(label, group, 9, seed=4)
    assert np.bincount(label[rows]).tolist() == [5, 3, 1]
    assert rows != choose_for_tests(label, group, 9, seed=5)
    assert choose_for_tests(label, group, 0, seed=4) == []
    assert len(choose_for_tests(label, group, 1000, seed=4)) == 54


def test_lists_are_interleaved():
    assert interleave([[1, 4], [], [2], [3, 5]]) == [1, 2, 3, 4, 5]
    assert interleave([[(2, 1)], [(1, 2)]]) == [(2, 1), (1, 2)]
    assert interleave([[], []]) == interleave([]) == []
