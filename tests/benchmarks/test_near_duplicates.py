import numpy as np
import pytest

from benchmarks.near_duplicates.finders import pairs_within
from benchmarks.near_duplicates.planted import KINDS, decode, plant
from benchmarks.near_duplicates.recall import report_planted, strangers
from benchmarks.near_duplicates.scaling import brute_force
from tests.helpers.images import image_bytes, make_image, write_images


def test_pairs_within_groups():
    assert pairs_within(np.array([4, 2, 4, 4, 0])) == {(0, 2), (0, 3), (2, 3)}


def test_strangers_are_pairs_of_different_originals():
    origin = [0, 1, 2, 0, 1]  # positions 3 and 4 are copies of 0 and 1
    assert strangers({(0, 3), (3, 4), (1, 2)}, origin) == {(0, 1), (1, 2)}


@pytest.mark.parametrize("kind", KINDS)
def test_a_copy_is_an_image_of_its_kind(kind):
    content = image_bytes(make_image(1, (80, 60)))
    copy = decode(plant(content, kind))
    expected = {"half size": (40, 30), "crop 5 %": (72, 54)}.get(kind, (80, 60))
    assert copy.size == expected
    same = np.array_equal(np.asarray(copy), np.asarray(decode(content)))
    assert same == (kind == "exact")


def test_all_pairs_are_compared_bit_by_bit():
    queries, base = np.array([0b0, 0b111], np.uint64), np.array([0b1, 0b11, 0b0], np.uint64)
    assert brute_force(queries, base, 0) == 1
    assert brute_force(queries, base, 1) == 3
    assert brute_force(queries, base, 64) == 6


def test_planted_copies_are_counted(tmp_path, capsys):
    write_images(tmp_path, {"cat": 9})
    report_planted(tmp_path, planted=3, seed=0, show=None)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "9 images, 3 planted copies"
    assert lines[1].startswith("this project: recall 1.000, precision 1.000, 0 pairs not planted")
    assert "exact 1.000" in lines[3]
