"""How app.predict tells its answers: a table, JSON Lines, CSV."""

import contextlib
import csv
import json
import os
import sys
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from app.predict.inputs import Bad, Found
from common.errors import StageError
from common.files import atomic_file

if TYPE_CHECKING:  # else it would bring TensorFlow
    from app.predictor import Prediction

UNSURE = "(unsure)"  # in place of a decision
TOP = 3  # classes whose probabilities the table shows
NARROW, WIDE = 12, 24  # columns that a path gets at least, and a class name at most


@contextlib.contextmanager
def writing(what: str | Path) -> Iterator[None]:
    """Turns what the system says against writing into a message that names the file."""
    try:
        yield
    except BrokenPipeError:  # nobody reads any more: no error
        raise
    except OSError as error:
        raise StageError(
            f"Expected to write {what}. Received: {error.strerror or error}. Make room or give "
            "the permission, or choose another place."
        ) from None


class Table:
    """Answers in columns: path, decision, confidence, probabilities of the likeliest classes.

    On a terminal the columns stand below each other and fill its width; elsewhere they are
    separated by tabs and nothing is cut.
    """

    def __init__(self, class_names: Sequence[str], width: int | None, tell: Callable[[str], None]):
        """Tells the heading.

        Args:
            class_names: of the model.
            width: of the terminal, in columns; None where there is none.
            tell: takes each line.
        """
        self._tell, self._columns = tell, None
        if width is not None:
            lengths = sorted(columns_of(shown(name)) for name in class_names)
            decision = min(WIDE, width // 3, max(lengths[-1], len(UNSURE), len("decision")))
            rest = width - decision - len("confidence") - 6
            # As much as the probabilities can need, if that leaves half of it to the path.
            top = lengths[-TOP:]
            needed = sum(top) + len(top) * len(" 0.000") + (len(top) - 1) * len(", ")
            path = max(NARROW, rest - min(max(needed, len("probabilities")), rest // 2))
            self._columns = (path, decision, max(0, rest - path))
        self._line("picture", "decision", "confidence", ["probabilities"])

    def take(self, item: Found, answer: "Prediction") -> None:
        """Tells one answer."""
        ranked = sorted(answer.probabilities.items(), key=lambda pair: -pair[1])[:TOP]
        self._line(
            shown(item.name),
            UNSURE if answer.decision is None else shown(answer.decision),
            f"{answer.confidence:.3f}",
            [f"{shown(name)} {value:.3f}" for name, value in ranked],
        )

    def _line(self, path: str, decision: str, confidence: str, ranked: list[str]) -> None:
        if self._columns is None:
            self._tell("\t".join([path, decision, confidence, ", ".join(ranked)]))
            return
        first, second, last = self._columns
        while ranked and columns_of(", ".join(ranked)) > last:
            ranked = ranked[:-1]  # rather fewer classes than half a number
        line = f"{fitted(path, first, end=True)}  {fitted(decision, second)}  {confidence:>10}"
        self._tell(f"{line}  {', '.join(ranked)}".rstrip())


class JsonLines:
    """Answers as JSON Lines: one object to a line, in the order of the images."""

    def __init__(self, tell: Callable[[str], None]):
        """Takes where to tell the lines. JSON is UTF-8: where stdout is not, it is ASCII."""
        self._tell = tell
        self._ascii = (sys.stdout.encoding or "").lower() not in ("utf-8", "utf8")

    def take(self, item: Found, answer: "Prediction") -> None:
        """Tells one answer."""
        self._line(
            path=item.name,
            decision=answer.decision,
            likeliest=answer.likeliest,
            confidence=round(answer.confidence, 6),
            abstained=answer.abstained,
            probabilities={k: round(value, 6) for k, value in answer.probabilities.items()},
        )

    def bad(self, bad: Bad) -> None:
        """Tells what could not be answered."""
        self._line(path=bad.name, error={"reason": bad.reason, "detail": bad.detail})

    def _line(self, **content) -> None:
        self._tell(json.dumps(content, ensure_ascii=self._ascii, allow_nan=False))


@contextlib.contextmanager
def opened_csv(path: Path) -> Iterator[TextIO]:
    """A text file that stands at `path` when it is complete, and else nowhere."""
    with (
        writing(path),
        atomic_file(Path(os.path.realpath(path))) as temporary,  # a link stays one
        temporary.open("w", encoding="utf-8", newline="") as stream,
    ):
        yield stream


class CsvRows:
    """Answers as rows: path, decision, likeliest, confidence, abstained, p_<class> of each."""

    def __init__(self, path: Path, stream: TextIO, class_names: Sequence[str]):
        """Writes the heading; `path` is for messages."""
        self._path, self._writer = path, csv.writer(stream, lineterminator="\n")
        columns = ["path", "decision", "likeliest", "confidence", "abstained"]
        self._row([*columns, *(f"p_{name}" for name in class_names)])

    def take(self, item: Found, answer: "Prediction") -> None:
        """Writes one answer; the decision of an abstained one is empty."""
        numbers = [f"{value:.6f}" for value in answer.probabilities.values()]
        decided = [answer.decision or "", answer.likeliest, f"{answer.confidence:.6f}"]
        self._row([item.name, *decided, "true" if answer.abstained else "false", *numbers])

    def _row(self, cells: list[str]) -> None:
        with writing(self._path):
            self._writer.writerow(cells)


def on_stdout(write: Callable[[str], None]) -> Callable[[str], None]:
    """Lines to stdout, each at once, by `write`, with a message where that fails."""

    def tell(line: str) -> None:
        encoding = sys.stdout.encoding or "utf-8"
        with writing("the standard output"):
            try:
                write(line.encode(encoding, "backslashreplace").decode(encoding))
                sys.stdout.flush()
            except OSError:  # Python would fail once more with what it has when it closes stdout
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
                raise

    return tell


def shown(text: str) -> str:
    """Text that does nothing to a terminal: control characters are written out, as in \\x1b."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def columns_of(text: str) -> int:
    """Columns that printable text takes on a terminal: two for wide characters (UAX #11)."""
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    return len(text) + wide - sum(unicodedata.combining(c) > 0 for c in text)


def fitted(text: str, width: int, end: bool = False) -> str:
    """Text of exactly so many columns: padded, or its beginning (or end) with an ellipsis."""
    if columns_of(text) > width:
        while columns_of(text) > width - 1:
            text = text[1:] if end else text[:-1]
        text = f"…{text}" if end else f"{text}…"
    return text + " " * (width - columns_of(text))
