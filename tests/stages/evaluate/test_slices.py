"""Slices of a test set, by hand."""

import numpy as np
import pandas as pd
import pytest

from common.tables.manifest import FLAGS
from stages.evaluate import slices
from stages.evaluate.intervals import exact_interval
from stages.evaluate.resampling import Resamples


def manifest(paths, widths, formats="JPEG", **flags):
    table = pd.DataFrame({"path": paths, "width": widths, "height": 10, "format": formats})
    for flag in FLAGS:
        table[flag] = flags.get(flag, False)
    return table


LABEL = np.array([0, 0, 1, 1, 0, 0, 1, 1])
PATHS = [f"{folder}/{i}.jpg" for i, folder in enumerate(["web", "web", "shop", "shop"] * 2)]
TABLE = manifest(
    PATHS,
    [10, 20, 30, 40, 50, 60, 70, 80],
    ["PNG"] * 3 + ["JPEG"] * 5,
    blurry=[True, True, True, False, False, False, False, False],
)


def test_kinds_of_slices():
    masks = slices.assign(TABLE.assign(path=[p.replace("web", "x/web") for p in PATHS]), LABEL)
    sizes = [(name, here.tolist()) for (kind, name), here in masks.items() if kind == "size"]
    assert sizes[0] == ("100 to 200 px", [True] * 2 + [False] * 6)
    assert sizes[3][0] == "700 to 800 px"
    assert sum(np.array(here).sum() for _, here in sizes) == 8
    assert masks["flag", "blurry"].sum() == 3
    assert masks["flag", "none"].sum() == 5
    assert ("flag", "dark") not in masks
    assert masks["format", "PNG"].sum() == 3
    # Folders that are the classes say what recall says.
    assert not any(kind == "folder" for kind, _ in masks)
    mixed = slices.assign(TABLE, np.array([0, 1] * 4))
    assert mixed["folder", "web"].tolist() == [True, True, False, False] * 2


def test_equal_sizes_are_one_slice():
    masks = slices.assign(manifest([f"a/{i}" for i in range(6)], [10] * 5 + [20]), np.arange(6) % 2)
    sizes = {name: int(here.sum()) for (kind, name), here in masks.items() if kind == "size"}
    assert sizes == {"100 px": 5, "200 px": 1}


def test_what_holds_for_all_images_is_no_slice():
    same = manifest([f"a/{i}" for i in range(4)], [10] * 4)
    assert slices.assign(same, np.array([0, 1, 0, 1])) == {}
    empty = slices.by_slice(np.ones(4, bool), {}, None, 0.95, 1)
    assert list(empty.columns) == slices.COLUMNS


def test_worst_first_with_intervals_and_small_ones_left_out():
    right = np.array([0, 1, 1, 1, 1, 1, 1, 1], bool)
    resamples = Resamples(LABEL, np.arange(8), 200, 0)
    table = slices.by_slice(right, slices.assign(TABLE, LABEL), resamples, 0.95, 3)
    assert table["accuracy"].is_monotonic_increasing
    assert not (table["kind"] == "size").any()  # two images each
    first = table.iloc[0]
    assert (first["n"], first["wrong"]) == (3, 1)
    assert first["accuracy"] == pytest.approx(2 / 3)
    assert first["accuracy_low"] < 2 / 3 < first["accuracy_high"]
    last = table[table["slice"] == "JPEG"].iloc[0]
    assert last["accuracy_low"] == pytest.approx(exact_interval(1.0, 5, 0.95)[0])
