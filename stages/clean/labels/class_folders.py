"""Class and split folders: the label and, where there is one, the split that folder names give."""

import dataclasses
from collections import defaultdict
from pathlib import PurePosixPath

from common.errors import StageError

SPLIT_FOLDERS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}


@dataclasses.dataclass(frozen=True)
class LabelledFile:
    """A file and its label.

    Attributes:
        path: POSIX, relative to the source.
        label: name of its class.
        given_split: train, val, test, or None where the source gives no split.
    """

    path: str
    label: str
    given_split: str | None


def label_by_folder(paths: list[str]) -> tuple[list[LabelledFile], list[str]]:
    """Reads labels and given splits from folder names.

    Single folders around everything are skipped (`archive/Dataset/cat/1.jpg`), then comes one
    folder per class, with any folders below it; a layer of train, val|valid|validation and test
    folders above the classes or right below them is the given split.

    Args:
        paths: POSIX paths of the files, relative to the source, junk left out.

    Returns:
        The files that stand in class folders, and the paths of those that do not, both sorted.

    Raises:
        StageError: fewer than two class folders, or split folders beside other folders.
    """
    levels, outside = _levels(paths)
    labelled = [
        LabelledFile(path, PurePosixPath(path).parts[level], split)
        for path, (level, split) in levels.items()
    ]
    labels = sorted({file.label for file in labelled})
    if len(labels) < 2:
        raise StageError(
            "Expected one folder per class, two classes at least. Received: "
            f"{len(labels)} class folder(s){': ' + labels[0] if labels else ''} in "
            f"{len(paths)} file(s), e.g. {', '.join(sorted(paths)[:3]) or 'none'}. Put the "
            "images of each class into a folder of its own, e.g. cat/1.jpg and dog/1.jpg."
        )
    return labelled, outside


def class_folders(paths: list[str]) -> set[str]:
    """The folders that `label_by_folder` takes for classes, e.g. `Dataset/train/cat`."""
    levels, _ = _levels(paths)
    parts = ((PurePosixPath(path).parts, level) for path, (level, _) in levels.items())
    return {"/".join(names[: level + 1]) for names, level in parts}


def split_by_folder(paths: list[str]) -> dict[str, str]:
    """Given splits by folder where tables give the labels: `train/1.jpg` needs no class folder.

    Args:
        paths: POSIX paths of the labelled files, relative to the source.

    Returns:
        train, val or test of the files below split folders, where these are the first folders
        below those that stand alone, or the second, and train is one of several.
    """
    parts = {path: PurePosixPath(path).parts for path in paths}
    depth = _depth_of_root(list(parts.values()))
    for level in (depth, depth + 1):
        splits = {
            path: SPLIT_FOLDERS[names[level].lower()]
            for path, names in parts.items()
            if len(names) > level + 1 and names[level].lower() in SPLIT_FOLDERS
        }
        if "train" in splits.values() and len(set(splits.values())) > 1:
            return splits
    return {}


def _levels(paths: list[str]) -> tuple[dict[str, tuple[int, str | None]], list[str]]:
    """Number of folders above each file's class folder, and its given split; the rest apart."""
    parts = {path: PurePosixPath(path).parts for path in sorted(paths)}
    depth = _depth_of_root(list(parts.values()))
    inside = {path: names[depth:] for path, names in parts.items() if len(names) > depth + 1}
    first = sorted({names[0] for names in inside.values()})
    splits = {SPLIT_FOLDERS[name.lower()] for name in first if name.lower() in SPLIT_FOLDERS}
    if "train" in splits and len(splits) > 1:
        others = [name for name in first if name.lower() not in SPLIT_FOLDERS]
        if others:
            raise StageError(
                f"Expected only split folders (train, val, test) beside {', '.join(first)}. "
                f"Received also: {', '.join(others)}. Move them into a split, or away."
            )
        levels = {
            path: (depth + 1, SPLIT_FOLDERS[names[0].lower()])
            for path, names in inside.items()
            if len(names) > 2
        }
    elif _splits_below_classes(list(inside.values())):
        levels = {path: (depth, SPLIT_FOLDERS[names[1].lower()]) for path, names in inside.items()}
    else:
        levels = dict.fromkeys(inside, (depth, None))
    return levels, [path for path in parts if path not in levels]


def _depth_of_root(parts: list[tuple[str, ...]]) -> int:
    """Number of leading folders that hold one single folder, and below it further folders."""
    depth = 0
    while True:
        children = defaultdict(bool)  # folder name -> does it hold folders?
        for names in parts:
            if len(names) > depth + 1:
                children[names[depth]] |= len(names) > depth + 2
        if len(children) != 1 or not next(iter(children.values())):
            return depth
        depth += 1


def _splits_below_classes(inside: list[tuple[str, ...]]) -> bool:
    if any(len(names) < 3 or names[1].lower() not in SPLIT_FOLDERS for names in inside):
        return False
    splits = {SPLIT_FOLDERS[names[1].lower()] for names in inside}
    return "train" in splits and len(splits) > 1
