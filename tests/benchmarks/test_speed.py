"""Benchmarks of speed: turns, the table, and what they compare."""

import numpy as np

from benchmarks.__main__ import BENCHMARKS, draw, table
from benchmarks.extract_speed import NETWORKS, smooth_images, write_images
from benchmarks.timing import Row, by_turns, processor


def test_jobs_take_turns_and_the_first_round_does_not_count():
    order = []
    medians = by_turns({"a": lambda: order.append("a"), "b": lambda: order.append("b")}, 3)
    assert order == ["a", "b"] * 4
    assert set(medians) == {"a", "b"}
    assert all(0 <= value < 1 for value in medians.values())


RESULTS = {
    "one": {
        "processor": "p",
        "rows": [
            list(Row("fast", "slow", 2.0, 1.0, "views/s", 2.0, 1.5)),
            list(Row("late", "floor", 3.0, 1.0, "s", 1 / 3, 0.5)),
        ],
    }
}


def test_the_table_has_a_row_for_each_result():
    lines = table(RESULTS).splitlines()
    assert lines[2] == "| fast | slow | 2 views/s | 1 views/s | 2.00 | 1.5 |"
    assert lines[3] == "| late | floor | 3 s | 1 s | 0.33 | 0.5 |"


def test_the_chart_is_drawn(tmp_path):
    draw(tmp_path / "images/chart.png", RESULTS)
    assert (tmp_path / "images/chart.png").stat().st_size > 5000


def test_the_processor_is_named():
    assert "cores" in processor()


def test_images_of_the_benchmark_are_a_split(tmp_path):
    dataset = write_images(tmp_path / "train", smooth_images(3, 16), 16)
    assert dataset.n == 3
    assert len(set(dataset.image_id)) == 3
    assert np.unique(dataset.label).tolist() == [0, 1]
    assert "efficientnet_lite0" in NETWORKS
    assert set(BENCHMARKS) == {"extract", "augment", "linear", "epoch"}
