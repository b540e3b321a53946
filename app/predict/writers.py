"""Writers of predictions: a table on the terminal, JSON Lines, CSV."""

import contextlib
import csv
import json
import os
import sys
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from app.predict.inputs import ImageInput, Unusable
from common.errors import StageError
from common.files import atomic_file

if TYPE_CHECKING:  # imports TensorFlow
    from app.predictor import Prediction

UNSURE = "(unsure)"  # in place of a decision
TOP = 3  # classes whose probabilities the table shows
SHORTEST_PATH, LONGEST_CLASS = 12, 24  # columns of a terminal


@contextlib.contextmanager
def writing(what: str | Path) -> Iterator[None]:
    """Turns an OSError while writing into a StageError that names the file."""
    try:
        yield
    except BrokenPipeError:  # the reader has closed the pipe, which is no error
        raise
    except OSError as error:
        raise StageError(
            f"Expected to write {what}. Received: {error.strerror or error}. Make room or give "
            "the permission, or choose another place."
        ) from None


class Table:
    """Predictions in columns: path, decision, confidence, probabilities of the likeliest classes.

    On a terminal the columns are aligned and fill its width; elsewhere they are separated by tabs
    and nothing is cut.
    """

    def __init__(
        self, class_names: Sequence[str], width: int | None, write_line: Callable[[str], None]
    ):
        """Writes the heading.

        Args:
            class_names: of the model.
            width: of the terminal, in columns; None where there is no terminal.
            write_line: called with each line.
        """
        self._write_line, self._columns = write_line, None
        if width is not None:
            lengths = sorted(columns_of(escaped(name)) for name in class_names)
            decision = min(
                LONGEST_CLASS, width // 3, max(lengths[-1], len(UNSURE), len("decision"))
            )
            rest = width - decision - len("confidence") - 6
            # The probabilities get what they can need, but no more than half of the rest.
            top = lengths[-TOP:]
            needed = sum(top) + len(top) * len(" 0.000") + (len(top) - 1) * len(", ")
            path = max(SHORTEST_PATH, rest - min(max(needed, len("probabilities")), rest // 2))
            self._columns = (path, decision, max(0, rest - path))
        self._row("image", "decision", "confidence", ["probabilities"])

    def write(self, item: ImageInput, prediction: "Prediction") -> None:
        """Writes the row of one prediction."""
        ranked = sorted(prediction.probabilities.items(), key=lambda pair: -pair[1])[:TOP]
        self._row(
            escaped(item.name),
            UNSURE if prediction.decision is None else escaped(prediction.decision),
            f"{prediction.confidence:.3f}",
            [f"{escaped(name)} {value:.3f}" for name, value in ranked],
        )

    def _row(self, path: str, decision: str, confidence: str, ranked: list[str]) -> None:
        if self._columns is None:
            self._write_line("\t".join([path, decision, confidence, ", ".join(ranked)]))
            return
        path_columns, decision_columns, rest = self._columns
        while ranked and columns_of(", ".join(ranked)) > rest:
            ranked = ranked[:-1]  # drops whole classes, so that no number is cut
        line = (
            f"{fitted(path, path_columns, end=True)}  {fitted(decision, decision_columns)}  "
            f"{confidence:>10}  {', '.join(ranked)}"
        )
        self._write_line(line.rstrip())


class JsonLines:
    """Predictions as JSON Lines: one object per line, in the order of the images."""

    def __init__(self, write_line: Callable[[str], None]):
        """Writes ASCII where stdout is not UTF-8, the encoding of JSON.

        Args:
            write_line: called with each line.
        """
        self._write_line = write_line
        self._ascii = (sys.stdout.encoding or "").lower() not in ("utf-8", "utf8")

    def write(self, item: ImageInput, prediction: "Prediction") -> None:
        """Writes one prediction."""
        self._object(
            path=item.name,
            decision=prediction.decision,
            likeliest=prediction.likeliest,
            confidence=round(prediction.confidence, 6),
            abstained=prediction.abstained,
            probabilities={k: round(value, 6) for k, value in prediction.probabilities.items()},
        )

    def write_unusable(self, item: Unusable) -> None:
        """Writes the error of an input without a prediction."""
        self._object(path=item.name, error={"reason": item.reason, "detail": item.detail})

    def _object(self, **content) -> None:
        self._write_line(json.dumps(content, ensure_ascii=self._ascii, allow_nan=False))


@contextlib.contextmanager
def opened_csv(path: Path) -> Iterator[TextIO]:
    """A text file that appears at `path` once it is complete, and otherwise not at all."""
    with (
        writing(path),
        atomic_file(Path(os.path.realpath(path))) as temporary,  # keeps a link
        temporary.open("w", encoding="utf-8", newline="") as stream,
    ):
        yield stream


class CsvRows:
    """Predictions as CSV: path, decision, likeliest, confidence, abstained, p_<class> of each."""

    def __init__(self, path: Path, stream: TextIO, class_names: Sequence[str]):
        """Writes the heading.

        Args:
            path: for error messages.
            stream: from `opened_csv`.
            class_names: of the model.
        """
        self._path, self._writer = path, csv.writer(stream, lineterminator="\n")
        columns = ["path", "decision", "likeliest", "confidence", "abstained"]
        self._row([*columns, *(f"p_{name}" for name in class_names)])

    def write(self, item: ImageInput, prediction: "Prediction") -> None:
        """Writes one row; the decision is empty where the model abstains."""
        cells = [
            item.name,
            prediction.decision or "",
            prediction.likeliest,
            f"{prediction.confidence:.6f}",
            "true" if prediction.abstained else "false",
        ]
        self._row([*cells, *(f"{value:.6f}" for value in prediction.probabilities.values())])

    def _row(self, cells: list[str]) -> None:
        with writing(self._path):
            self._writer.writerow(cells)


def stdout_writer(write: Callable[[str], None]) -> Callable[[str], None]:
    """A function that writes lines to stdout by `write` and flushes each; see `writing`."""

    def write_line(line: str) -> None:
        encoding = sys.stdout.encoding or "utf-8"
        with writing("the standard output"):
            try:
                write(line.encode(encoding, "backslashreplace").decode(encoding))
                sys.stdout.flush()
            except OSError:  # Python would fail again with its buffer when it closes stdout
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
                raise

    return write_line


def escaped(text: str) -> str:
    """Text without effect on a terminal: control characters are written out, as in \\x1b."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def columns_of(text: str) -> int:
    """Columns that printable text takes on a terminal: two for wide characters (UAX #11)."""
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    return len(text) + wide - sum(unicodedata.combining(c) > 0 for c in text)


def fitted(text: str, width: int, end: bool = False) -> str:
    """Text of exactly `width` columns: padded, or its beginning (or end) with an ellipsis."""
    if columns_of(text) > width:
        while columns_of(text) > width - 1:
            text = text[1:] if end else text[:-1]
        text = f"…{text}" if end else f"{text}…"
    return text + " " * (width - columns_of(text))
