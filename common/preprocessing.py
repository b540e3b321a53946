"""How an image file became pixels of one size: what a model must do with the files it is asked."""

from typing import NamedTuple

Span = tuple[float, float]  # the values that become 0 and 255


class Greys(NamedTuple):
    """What is black and white in greys of more than 8 bits, for all files of a set.

    Attributes:
        whole: of files of whole numbers; None where the set has none.
        real: of files of floating-point numbers, likewise.
    """

    whole: Span | None = None
    real: Span | None = None


NO_GREYS = Greys()


class Preprocessing(NamedTuple):
    """How the images of a dataset came to their size, and so must those that a model is asked.

    Attributes:
        image_size: (height, width) in px.
        resize: "stretch", "crop" or "pad", as `images.resize` takes it.
        max_pixels: limit on width x height of a file.
        greys: of the set; where it had none of a kind, each file is scaled by its own values.
    """

    image_size: tuple[int, int]
    resize: str
    max_pixels: int
    greys: Greys = NO_GREYS


def spans_as_json(greys: Greys) -> dict:
    """As a mapping for JSON, without the kinds that the set did not have."""
    return {kind: span for kind, span in greys._asdict().items() if span}


def spans_from_json(content: dict) -> Greys:
    """Of a mapping that `spans_as_json` made."""
    return Greys(**{kind: tuple(span) for kind, span in content.items()})


def as_json(preprocessing: Preprocessing) -> dict:
    """As a mapping for JSON; `greys` only where the set had any."""
    content = preprocessing._asdict()
    greys = spans_as_json(content.pop("greys"))
    return content | ({"greys": greys} if greys else {})


def from_json(content: dict) -> Preprocessing:
    """Of a mapping with the entries that `as_json` writes, and perhaps others.

    Raises:
        KeyError: an entry is missing.
    """
    return Preprocessing(
        tuple(content["image_size"]),
        content["resize"],
        content["max_pixels"],
        spans_from_json(content.get("greys", {})),
    )
