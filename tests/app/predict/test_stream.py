"""Answers in the order of their files, and the account at the end."""

import itertools

from app.predict.inputs import Bad, Found, PassedOver
from app.predict.stream import Report, answers
from common.images import ImageError


def test_answers_bad_files_and_failures_come_in_the_order_of_the_files():
    """Against a stream that reads three ahead of what it answers."""

    def stream(images):
        for batch in iter(lambda: list(itertools.islice(images, 3)), []):
            for data in batch:
                yield data, ImageError("empty", "0 bytes") if data == b"" else data.decode()

    bad = Bad("b", "missing", "no such file")
    items = [bad, Found("1", "", b"one"), bad, bad, Found("2", "", b""), Found("3", "", b"three")]
    assert list(answers([*items, bad], stream)) == [
        *((bad, None), (items[1], "one"), (bad, None), (bad, None)),
        *((Bad("2", "empty", "0 bytes"), None), (items[5], "three"), (bad, None)),
    ]
    assert list(answers([bad], stream)) == [(bad, None)]


def test_the_last_line_counts_everything(capsys):
    report = Report()
    report.decided.update({name: 10 - i for i, name in enumerate("abcdefgh")} | {None: 1200})
    over = report.without_passed_over([PassedOver("x"), Found("1", "/1"), PassedOver("y")])
    assert [item.name for item in over] == ["1"]
    assert report.close(["table in out.csv"]) == 0
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err == (
        "predict: 1,252 pictures answered: 10 a, 9 b, 8 c, 7 d, 6 e, 5 f, 7 of 2 other classes, "
        "1,200 unsure; 2 no picture and passed over; table in out.csv\n"
    )


def test_bad_files_are_listed_however_many_and_cannot_steer_the_terminal(capsys):
    report = Report()
    for number in range(30_000):  # more than is kept in memory
        report.add_bad(Bad(f"picture {number}\x1b[2J", "truncated", "a\nb"))
    assert report.close([]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "30,000 could not be answered:"
    assert lines[-2] == "  picture 29999\\x1b[2J: truncated: a\\nb"
    assert lines[-1] == "predict: 0 pictures answered; 30,000 bad"
    assert len(lines) == 30_002


def test_one_image_is_one_image(capsys):
    report = Report()
    report.decided["cat"] += 1
    assert report.close([]) == 0
    assert capsys.readouterr().err == "predict: 1 picture answered: 1 cat\n"
