"""Summary printed at the end of app.predict: counts by decision, and inputs without prediction."""

import collections
import contextlib
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator

from app.predict.inputs import ImageInput, Skipped, Unusable
from app.predict.writers import escaped
from common import cli

MOST_CLASSES = 6  # that the last line counts one by one


class Summary:
    """Counts while predictions are made.

    Attributes:
        decided: number of images by decision, None where the model abstains.
        unusable: number of inputs without prediction.
        skipped: number of files in folders that are not images.
    """

    def __init__(self):
        self.decided: collections.Counter[str | None] = collections.Counter()
        self.unusable = self.skipped = 0
        # Moves to disk when it gets long: memory does not grow with the number of files.
        self._lines = tempfile.SpooledTemporaryFile(1 << 20, "w+", encoding="utf-8")  # noqa: SIM115

    def without_skipped(
        self, inputs: Iterable[ImageInput | Unusable | Skipped]
    ) -> Iterator[ImageInput | Unusable]:
        """Counts skipped files and passes on the rest."""
        for item in inputs:
            if isinstance(item, Skipped):
                self.skipped += 1
            else:
                yield item

    def add_unusable(self, item: Unusable) -> None:
        """Keeps an input without prediction for the list at the end."""
        self.unusable += 1
        self._lines.write(f"  {escaped(item.name)}: {item.reason}: {escaped(item.detail)}\n")

    def close(self, outputs: Iterable[str]) -> int:
        """Prints the list and the last line on stderr.

        Args:
            outputs: what was written, in words, for the end of the last line.

        Returns:
            The exit status: 1 if any input has no prediction.
        """
        if self.unusable:
            print(f"{self.unusable:,} could not be answered:", file=sys.stderr)
            self._lines.seek(0)
            shutil.copyfileobj(self._lines, sys.stderr)
        self._lines.close()
        text = "; ".join([last_line(self.decided, self.unusable, self.skipped), *outputs])
        with contextlib.redirect_stdout(sys.stderr):  # stdout is for predictions alone
            cli.summary("predict", text)
        return 1 if self.unusable else 0


def last_line(decided: collections.Counter[str | None], unusable: int, skipped: int) -> str:
    """The counts in words: "3 images answered: 2 cat, 1 unsure; 1 bad".

    Args:
        decided: number of images by decision, None where the model abstains.
        unusable: number of inputs without prediction.
        skipped: number of files in folders that are not images.
    """
    classes = collections.Counter({name: n for name, n in decided.items() if name is not None})
    total, unsure = decided.total(), decided[None]
    counts = [f"{n:,} {escaped(name)}" for name, n in classes.most_common(MOST_CLASSES)]
    if len(classes) > MOST_CLASSES:
        rest = classes.total() - sum(n for _, n in classes.most_common(MOST_CLASSES))
        counts.append(f"{rest:,} of {len(classes) - MOST_CLASSES} other classes")
    counts += [f"{unsure:,} unsure"] if unsure else []
    text = f"{total:,} image{'s' * (total != 1)} answered"
    parts = [": ".join([text, *filter(None, [", ".join(counts)])])]
    parts += [f"{unusable:,} bad"] if unusable else []
    parts += [f"{skipped:,} not an image and passed over"] if skipped else []
    return "; ".join(parts)
