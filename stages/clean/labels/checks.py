"""Label tables against folders: contradictions about class and split are errors."""

import dataclasses
import re
import unicodedata
from collections import Counter
from decimal import Decimal

from common.errors import StageError
from stages.clean.labels.class_folders import Placed, read_layout
from stages.clean.labels.matching import Listed
from stages.clean.labels.table import show

_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?", re.ASCII)


def check_targets(placed: list[Placed], listed: Listed) -> None:
    """Compares the class folders with the CSVs beside them.

    `1`, `01` and `1.0` are the same. Where the folders have names and the CSVs numbers, or the
    reverse, they agree if each number always goes with the same name.

    Args:
        placed: files by folder.
        listed: files by table; those that are not placed are not compared.

    Raises:
        StageError: with the first rows that differ.
    """
    pairs = [(item, listed.rows[item.path]) for item in placed if item.path in listed.rows]
    said = Counter((_value(item.label), _value(row.label)) for item, row in pairs)
    folders, targets = {folder for folder, _ in said}, {target for _, target in said}
    expected = {folder: folder for folder in folders}
    if _all_numbers(folders) != _all_numbers(targets) and folders.isdisjoint(targets):
        expected = _commonest_mapping(said)
    wrong = [
        f"{item.path}: folder {item.label}, {row.where} says {row.label}"
        for item, row in pairs
        if expected.get(_value(item.label)) != _value(row.label)
    ]
    if wrong:
        raise StageError(
            "Expected class folders and the CSVs beside them to agree. Received "
            f"{len(wrong):,} of {len(pairs):,} listed files where they do not:{show(wrong)}\n"
            "Move these pictures or correct these rows. If the folders are no classes, set "
            "data.labels to the table."
        )


def check_class_folders(listed: Listed) -> None:
    """Compares data.labels with folders that are called like its classes, two at least.

    Raises:
        StageError: with the first rows whose file stands in the folder of another class.
    """
    try:
        placed, _ = read_layout(list(listed.rows))
    except StageError:
        return  # no class folders
    labels = {_value(row.label) for row in listed.rows.values()}
    classes = {_value(item.label) for item in placed} & labels
    if len(classes) < 2:
        return
    wrong = []
    for item in placed:
        row, folder = listed.rows[item.path], _value(item.label)
        if folder in classes and folder != _value(row.label):
            wrong.append(f"{item.path}: folder {item.label}, {row.where} says {row.label}")
    if wrong:
        raise StageError(
            "Expected data.labels to agree with the folders that are called like its classes. "
            f"Received {len(wrong):,} of {len(placed):,} files where it does not:{show(wrong)}\n"
            "Move these pictures, correct these rows, or rename folders that are no classes."
        )


def add_splits(placed: list[Placed], listed: Listed) -> list[Placed]:
    """Adds the splits that tables give to those that folders give.

    Raises:
        StageError: with the first rows where the two differ.
    """
    result, wrong = [], []
    for item in placed:
        row = listed.rows.get(item.path)
        if row is None or row.split is None or row.split == item.given_split:
            result.append(item)
        elif item.given_split is None:
            result.append(dataclasses.replace(item, given_split=row.split))
        else:
            wrong.append(f"{item.path}: folder {item.given_split}, {row.where} says {row.split}")
    if wrong:
        raise StageError(
            "Expected split folders and the split column of label tables to agree. Received "
            f"{len(wrong):,} files where they do not:{show(wrong)}\nMove these pictures, correct "
            "these rows, or set data.split_column to a name that the table does not have."
        )
    return result


def _commonest_mapping(said: Counter) -> dict:
    """Folder -> target, one to one; where pairs compete, the commonest is taken."""
    mapping, taken = {}, set()
    for (folder, target), _ in said.most_common():
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
