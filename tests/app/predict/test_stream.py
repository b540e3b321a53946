"""Predictions in the order of their files, with errors among them."""

import itertools

from app.predict.inputs import ImageInput, Unusable
from app.predict.stream import predictions, up_to_first_image, write_or_unusable
from common.images import ImageError


def test_answers_bad_files_and_failures_come_in_the_order_of_the_files():
    """Against a stream that reads three ahead of what it answers."""

    def stream(images):
        for batch in iter(lambda: list(itertools.islice(images, 3)), []):
            for data in batch:
                yield data, ImageError("empty", "0 bytes") if data == b"" else data.decode()

    bad = Unusable("b", "missing", "no such file")
    items = [
        bad,
        ImageInput("1", "", b"one"),
        bad,
        bad,
        ImageInput("2", "", b""),
        ImageInput("3", "", b"three"),
    ]
    assert list(predictions([*items, bad], stream)) == [
        *((bad, None), (items[1], "one"), (bad, None), (bad, None)),
        *((Unusable("2", "empty", "0 bytes"), None), (items[5], "three"), (bad, None)),
    ]
    assert list(predictions([bad], stream)) == [(bad, None)]


def test_what_cannot_be_read_again_is_unusable():
    item = ImageInput("1", "", b"one")

    def gone(item, prediction):
        raise FileNotFoundError

    written = []
    assert write_or_unusable(lambda *pair: written.append(pair), (item, "one")) == (item, "one")
    assert written == [(item, "one")]
    expected = Unusable("1", "missing", "no such file or folder"), None
    assert write_or_unusable(gone, (item, "one")) == expected
    assert write_or_unusable(gone, expected) == expected  # without a prediction nothing is written


def test_the_first_image_ends_what_is_taken_before_the_model_is_opened():
    bad, image = Unusable("b", "missing", ""), ImageInput("1", "", b"one")
    inputs = iter([bad, image, bad])
    assert up_to_first_image(inputs) == [bad, image]
    assert up_to_first_image(inputs) == [bad]
    assert up_to_first_image(inputs) == []
