"""Outputs of app.predict: what the flags ask for, or a table on stdout."""

import argparse
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, TextIO

from tqdm import tqdm

from app.predict.heatmaps import HeatFiles, shared_folder
from app.predict.inputs import ImageInput, Tree, Unusable
from app.predict.sorting import Sorter
from app.predict.stream import Result, write_or_unusable
from app.predict.writers import CsvRows, JsonLines, Table, stdout_writer
from common import cli

if TYPE_CHECKING:  # imports TensorFlow
    from app.predictor import Prediction, Predictor


class Outputs:
    """JSON Lines, heat maps, sorted copies and CSV as the flags ask for; a table without them."""

    def __init__(self, options: argparse.Namespace, inputs: Sequence[str | Tree]):
        """Takes the flags; nothing is written yet.

        Args:
            options: from `parse`.
            inputs: from `parse_inputs`.
        """
        self._options, self._inputs = options, inputs
        with_bar = sys.stdout.isatty() and sys.stderr.isatty()  # lines and progress bar alternate
        self._write_line = stdout_writer(
            partial(tqdm.write, file=sys.stdout) if with_bar else print
        )
        self._lines = JsonLines(self._write_line) if options.json else None
        self._writers: list[Callable] = [self._lines.write] if self._lines else []
        self._sorter: Sorter | None = None
        self._words: list[str] = []

    def attach(
        self, results: Iterator[Result], predictor: "Predictor", table: TextIO | None
    ) -> Iterator[Result]:
        """Opens the outputs of the predictor; heat maps and copies are written as results pass.

        Args:
            results: from `stream.predictions`.
            predictor: opened.
            table: from `opened_csv`, or None.
        """
        options = self._options
        if options.heatmaps:
            files = HeatFiles(options.heatmaps, shared_folder(self._inputs), predictor)
            results = cli.parallel_map(partial(write_or_unusable, files.write), results)
            self._words.append(f"heat maps in {options.heatmaps}")
        if options.sort_into:
            self._sorter = Sorter(options.sort_into, predictor.class_names, self._inputs)
            results = map(partial(write_or_unusable, self._sorter.write), results)
        if table:
            self._writers.append(CsvRows(options.csv, table, predictor.class_names).write)
            self._words.append(f"table in {options.csv}")
        if not (self._writers or options.heatmaps or options.sort_into):
            width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
            self._writers.append(Table(predictor.class_names, width, self._write_line).write)
        return results

    def write(self, item: ImageInput, prediction: "Prediction") -> None:
        """Writes a prediction to the table, the CSV file and the JSON Lines."""
        for write in self._writers:
            write(item, prediction)

    def write_unusable(self, item: Unusable) -> None:
        """Writes the error of an input without prediction to the JSON Lines."""
        if self._lines:
            self._lines.write_unusable(item)

    def in_words(self) -> list[str]:
        """What was written, for the summary."""
        words = [*self._words]
        if self._sorter:
            present = f", {self._sorter.present:,} there already" if self._sorter.present else ""
            words.append(f"{self._sorter.copied:,} copied into {self._options.sort_into}{present}")
        return words
