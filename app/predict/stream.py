"""From files to answers in their order, and what is told at the end of app.predict."""

import collections
import contextlib
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from app.predict.inputs import MAX_BYTES, STDIN, Bad, Found, PassedOver
from app.predict.writers import shown
from common import cli

if TYPE_CHECKING:  # else it would bring TensorFlow
    from app.predictor import Prediction

TOLD = 6  # classes that the last line counts

Answers = Iterator[tuple[Found | Bad, "Prediction | None"]]


class Report:
    """What is told at the end.

    Attributes:
        decided: how many images by decision, None where it is unsure.
        bad: how many could not be answered.
        passed_over: how many files of folders are no images.
    """

    def __init__(self):
        self.decided: collections.Counter[str | None] = collections.Counter()
        self.bad = self.passed_over = 0
        # On disk when they are many: memory does not grow with the number of files.
        self._lines = tempfile.SpooledTemporaryFile(1 << 20, "w+", encoding="utf-8")  # noqa: SIM115

    def without_passed_over(
        self, found: Iterable[Found | Bad | PassedOver]
    ) -> Iterator[Found | Bad]:
        """Counts what is no image, and hands on the rest."""
        for item in found:
            if isinstance(item, PassedOver):
                self.passed_over += 1
            else:
                yield item

    def add_bad(self, bad: Bad) -> None:
        """Keeps what could not be answered for the end."""
        self.bad += 1
        self._lines.write(f"  {shown(bad.name)}: {bad.reason}: {shown(bad.detail)}\n")

    def close(self, more: Iterable[str]) -> int:
        """Tells everything on stderr; returns the exit status."""
        if self.bad:
            print(f"{self.bad:,} could not be answered:", file=sys.stderr)
            self._lines.seek(0)
            shutil.copyfileobj(self._lines, sys.stderr)
        self._lines.close()
        unsure = self.decided.pop(None, 0)
        counts = [f"{n:,} {shown(name)}" for name, n in self.decided.most_common(TOLD)]
        if len(self.decided) > TOLD:
            rest = self.decided.total() - sum(n for _, n in self.decided.most_common(TOLD))
            counts.append(f"{rest:,} of {len(self.decided) - TOLD} other classes")
        counts += [f"{unsure:,} unsure"] if unsure else []
        total = self.decided.total() + unsure
        parts = [f"{total:,} picture{'s' * (total != 1)} answered" + ": " * bool(counts)]
        parts[0] += ", ".join(counts)
        parts += [f"{self.bad:,} bad"] if self.bad else []
        if self.passed_over:
            parts.append(f"{self.passed_over:,} no picture and passed over")
        with contextlib.redirect_stdout(sys.stderr):  # stdout is for answers alone
            cli.summary("predict", "; ".join([*parts, *more]))
        return 1 if self.bad else 0


def answers(found: Iterable[Found | Bad], stream: Callable) -> Answers:
    """Yields each file with its answer, or a Bad and None, in order.

    Args:
        found: what to ask about.
        stream: `Predictor.stream`, which reads ahead by some images and no more.
    """
    waiting: collections.deque[Found | Bad] = collections.deque()

    def images() -> Iterator[Path | bytes]:
        for item in found:
            waiting.append(item)
            if isinstance(item, Found):
                yield Path(item.place) if item.data is None else item.data

    for _, answer in stream(images()):
        while isinstance(waiting[0], Bad):
            yield waiting.popleft(), None
        item = waiting.popleft()
        if isinstance(answer, Exception):
            yield Bad.of(item.name, answer), None
        else:
            yield item, answer
    while waiting:
        yield waiting.popleft(), None


def read_stdin() -> Iterator[Found | Bad]:
    """The image on the standard input."""
    data = sys.stdin.buffer.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        yield Bad(STDIN, "too_large", f"limit {MAX_BYTES} bytes")
    else:
        yield Found(STDIN, "", data)
