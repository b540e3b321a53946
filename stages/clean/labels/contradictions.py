"""Contradictions of label tables and folders about a file's class or split: each is an error."""

import dataclasses
import re
import unicodedata
from collections import Counter
from decimal import Decimal

from common.errors import StageError, quote_lines
from stages.clean.labels.class_folders import LabelledFile, label_by_folder
from stages.clean.labels.matching import MatchedRows

_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?", re.ASCII)


def check_csvs_beside_folders(labelled: list[LabelledFile], matched: MatchedRows) -> None:
    """Compares the class folders with the CSVs beside them.

    `1`, `01` and `1.0` are the same. Where the folders have names and the CSVs numbers, or the
    reverse, they agree if each number always goes with the same name.

    Args:
        labelled: files by folder.
        matched: files by table; those without a class folder are not compared.

    Raises:
        StageError: with the first rows that differ.
    """
    pairs = [(file, matched.rows[file.path]) for file in labelled if file.path in matched.rows]
    counts = Counter((_value(file.label), _value(row.label)) for file, row in pairs)
    folders, targets = {folder for folder, _ in counts}, {target for _, target in counts}
    expected = {folder: folder for folder in folders}
    if _all_numbers(folders) != _all_numbers(targets) and folders.isdisjoint(targets):
        expected = _commonest_mapping(counts)
    differing = [
        f"{file.path}: folder {file.label}, {row.where} says {row.label}"
        for file, row in pairs
        if expected.get(_value(file.label)) != _value(row.label)
    ]
    if differing:
        raise StageError(
            "Expected class folders and the CSVs beside them to agree. Received "
            f"{len(differing):,} of {len(pairs):,} listed files where they do not:"
            f"{quote_lines(differing)}\nMove these images or correct these rows. If the folders "
            "are no classes, set data.labels to the table."
        )


def check_table_against_folders(matched: MatchedRows) -> None:
    """Compares data.labels with folders that are called like its classes, two at least.

    Raises:
        StageError: with the first rows whose file stands in the folder of another class.
    """
    try:
        labelled, _ = label_by_folder(list(matched.rows))
    except StageError:
        return  # no class folders
    labels = {_value(row.label) for row in matched.rows.values()}
    classes = {_value(file.label) for file in labelled} & labels
    if len(classes) < 2:
        return
    differing = []
    for file in labelled:
        row, folder = matched.rows[file.path], _value(file.label)
        if folder in classes and folder != _value(row.label):
            differing.append(f"{file.path}: folder {file.label}, {row.where} says {row.label}")
    if differing:
        raise StageError(
            "Expected data.labels to agree with the folders that are called like its classes. "
            f"Received {len(differing):,} of {len(labelled):,} files where it does not:"
            f"{quote_lines(differing)}\nMove these images, correct these rows, or rename folders "
            "that are no classes."
        )


def combine_splits(labelled: list[LabelledFile], matched: MatchedRows) -> list[LabelledFile]:
    """Adds the splits that tables give to those that folders give.

    Raises:
        StageError: with the first rows where the two differ.
    """
    combined, differing = [], []
    for file in labelled:
        row = matched.rows.get(file.path)
        if row is None or row.split is None or row.split == file.given_split:
            combined.append(file)
        elif file.given_split is None:
            combined.append(dataclasses.replace(file, given_split=row.split))
        else:
            folder, table = f"folder {file.given_split}", f"{row.where} says {row.split}"
            differing.append(f"{file.path}: {folder}, {table}")
    if differing:
        raise StageError(
            "Expected split folders and the split column of label tables to agree. Received "
            f"{len(differing):,} files where they do not:{quote_lines(differing)}\n"
            "Move these images, correct these rows, or set data.split_column to a name that the "
            "table does not have."
        )
    return combined


def _commonest_mapping(counts: Counter) -> dict:
    """Folder -> target, one to one; where pairs compete, the commonest is taken."""
    mapping, taken = {}, set()
    for (folder, target), _ in counts.most_common():
        if folder not in mapping and target not in taken:
            mapping[folder] = target
            taken.add(target)
    return mapping


def _all_numbers(values: set) -> bool:
    return all(isinstance(value, Decimal) for value in values)


def _value(label: str) -> Decimal | str:
    """A label as it is compared: by value if it is a number."""
    if _NUMBER.fullmatch(label):
        return Decimal(label)
    return unicodedata.normalize("NFC", label)
