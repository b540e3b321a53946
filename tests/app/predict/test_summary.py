"""The summary at the end of app.predict: counts by hand, and the list of unusable inputs."""

from collections import Counter

import pytest

from app.predict.inputs import ImageInput, Skipped, Unusable
from app.predict.summary import Summary, last_line


@pytest.mark.parametrize(
    ("decided", "unusable", "skipped", "expected"),
    [
        ({}, 0, 0, "0 images answered"),
        ({"cat": 1}, 0, 0, "1 image answered: 1 cat"),
        ({"cat": 1, None: 2}, 0, 0, "3 images answered: 1 cat, 2 unsure"),
        ({None: 1}, 2, 3, "1 image answered: 1 unsure; 2 bad; 3 not an image and passed over"),
        ({"a\n": 1, "b": 2000}, 0, 0, "2,001 images answered: 2,000 b, 1 a\\n"),
        ({}, 1, 0, "0 images answered; 1 bad"),
    ],
)
def test_the_last_line_by_hand(decided, unusable, skipped, expected):
    assert last_line(Counter(decided), unusable, skipped) == expected


def test_the_last_line_counts_everything(capsys):
    summary = Summary()
    summary.decided.update({name: 10 - i for i, name in enumerate("abcdefgh")} | {None: 1200})
    rest = summary.without_skipped([Skipped("x"), ImageInput("1", "/1"), Skipped("y")])
    assert [item.name for item in rest] == ["1"]
    assert summary.close(["table in out.csv"]) == 0
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == (
        "predict: 1,252 images answered: 10 a, 9 b, 8 c, 7 d, 6 e, 5 f, 7 of 2 other classes, "
        "1,200 unsure; 2 not an image and passed over; table in out.csv\n"
    )


def test_bad_files_are_listed_however_many_and_cannot_steer_the_terminal(capsys):
    summary = Summary()
    for number in range(30_000):  # more than is kept in memory
        summary.add_unusable(Unusable(f"picture {number}\x1b[2J", "truncated", "a\nb"))
    assert summary.close([]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "30,000 could not be answered:"
    assert lines[-2] == "  picture 29999\\x1b[2J: truncated: a\\nb"
    assert lines[-1] == "predict: 0 images answered; 30,000 bad"
    assert len(lines) == 30_002


def test_one_image_is_one_image(capsys):
    summary = Summary()
    summary.decided["cat"] += 1
    assert summary.close([]) == 0
    assert capsys.readouterr().err == "predict: 1 image answered: 1 cat\n"
