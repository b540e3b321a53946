"""Words that folders and cells of tables use for splits: `train`, `seg_test`, `TrainSet2`."""

import re
import unicodedata
from collections.abc import Iterable
from typing import NamedTuple

LEAVE_OUT = "leave_out"  # pictures without labels, which some sets keep beside their splits

SPLIT_WORDS = {
    "train": "train",
    "training": "train",
    "trn": "train",
    "trainval": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "validate": "val",
    "dev": "val",
    "devel": "val",
    "development": "val",
    "eval": "val",
    "evaluation": "val",
    "test": "test",
    "testing": "test",
    "tst": "test",
    "holdout": "test",
}
UNLABELLED_WORDS = {
    "pred",
    "predict",
    "prediction",
    "predictions",
    "unlabeled",
    "unlabelled",
    "unsup",
    "inference",
    "submission",
}
# Words that say nothing of what the pictures show.
NEUTRAL_WORDS = {
    *("set", "sets", "data", "dataset", "datasets", "split", "splits", "subset", "part", "fold"),
    *("image", "images", "img", "imgs", "picture", "pictures", "pic", "pics", "photo", "photos"),
    *("sample", "samples", "file", "files", "folder", "folders", "dir", "class", "classes"),
    *("all", "full", "final", "new", "raw", "original", "processed", "resized", "cropped", "clean"),
    *("labeled", "labelled", "annotated", "v"),
}
# Folders of these, with a number, are parts of a set and no classes.
PART_WORDS = {"fold", "cv", "kfold", "split", "part", "batch", "chunk", "subset", "shard", "round"}

_TOKEN = re.compile(r"[^\W\d_]+|\d+")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_RUN_TOGETHER = re.compile(
    f"({'|'.join(sorted(SPLIT_WORDS, key=len, reverse=True))})"
    f"({'|'.join(sorted(NEUTRAL_WORDS - {'v'}, key=len, reverse=True))})"
)


class SplitName(NamedTuple):
    """What a name says of a split.

    Attributes:
        split: train, val, test or LEAVE_OUT.
        rest: the other words of the name that say something, in lower case: ("seg",) of `seg_train`
            and () of `training_set_2`.
    """

    split: str
    rest: tuple[str, ...]


def split_of_word(word: str) -> str | None:
    """train, val or test for a word alone, such as a cell of a table; else None."""
    return SPLIT_WORDS.get(word.strip().lower())


def read_name(name: str) -> SplitName | None:
    """The split that a folder's name speaks of; None for another name, or one of several splits."""
    splits, rest = [], []
    for word in _words(name):
        if word in SPLIT_WORDS:
            splits.append(SPLIT_WORDS[word])
        elif word in UNLABELLED_WORDS:
            splits.append(LEAVE_OUT)
        elif word not in NEUTRAL_WORDS and not word.isdecimal():
            rest.append(word)
    return SplitName(splits[0], tuple(rest)) if len(set(splits)) == 1 else None


def is_neutral(name: str) -> bool:
    """Whether a folder's name says neither a class nor a split: `images`, `data_2`."""
    words = _words(name)
    return any(word in NEUTRAL_WORDS for word in words) and all(
        word in NEUTRAL_WORDS or word.isdecimal() for word in words
    )


def is_part(name: str) -> bool:
    """Whether a folder's name is that of a numbered part of a set: `fold_3`, `batch2`."""
    words = _words(name)
    return (
        any(word in PART_WORDS for word in words)
        and any(word.isdecimal() for word in words)
        and all(word in PART_WORDS or word in NEUTRAL_WORDS or word.isdecimal() for word in words)
    )


def splits_of_layer(names: Iterable[str]) -> dict[str, str]:
    """Splits by name, of folders beside one another whose names differ by the split alone.

    Args:
        names: of all folders beside one another.

    Returns:
        The names that speak of splits, if train and another one are among them and all have the
        same other words: {"seg_train": "train", "seg_test": "test"} but nothing for `train
        station` beside `test tube`. Empty where they are no splits.
    """
    read = {name: found for name in names if (found := read_name(name))}
    splits = {found.split for found in read.values()} - {LEAVE_OUT}
    alike = len({found.rest for found in read.values() if found.split != LEAVE_OUT}) == 1
    if "train" not in splits or len(splits) < 2 or not alike:
        return {}
    return {name: found.split for name, found in read.items()}


def _words(name: str) -> list[str]:
    apart = _CAMEL.sub(" ", unicodedata.normalize("NFC", name))
    words = []
    for word in _TOKEN.findall(apart.replace("_", " ").lower()):
        both = _RUN_TOGETHER.fullmatch(word)
        words += both.groups() if both and word not in SPLIT_WORDS else [word]
    return words
