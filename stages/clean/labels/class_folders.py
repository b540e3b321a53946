"""Class folders: the label and, where there is one, the split that the folders of a file give."""

import dataclasses
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

from common.errors import StageError, quote_names
from stages.clean.labels.split_folders import (
    SHARED,
    Parts,
    Place,
    by_names,
    by_parameter,
    folders_below,
    named_split,
    shared_names,
)
from stages.clean.labels.split_names import LEAVE_OUT, splits_of_layer


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


def label_by_folder(
    paths: list[str], splits: Mapping[str, str] | None = None
) -> tuple[list[LabelledFile], list[str]]:
    """Reads labels and given splits from folder names.

    Single folders around everything are skipped (`archive/Dataset/cat/1.jpg`), then comes one
    folder per class, with any folders below it; a layer of folders whose names speak of splits,
    above the classes or right below them, is the given split.

    Args:
        paths: POSIX paths of the files, relative to the source, junk left out.
        splits: data.splits, split by folder; None: names are recognised, {}: there are none.

    Returns:
        The files that stand in class folders, and the paths of those that do not, both sorted.

    Raises:
        StageError: fewer than two class folders, or folders that look like splits and cannot be
            read as such.
    """
    places, outside = _places(paths, splits)
    labelled = [
        LabelledFile(path, PurePosixPath(path).parts[place.level], place.split)
        for path, place in places.items()
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


def class_folders(paths: list[str], splits: Mapping[str, str] | None = None) -> set[str]:
    """The folders that `label_by_folder` takes for classes, e.g. `Dataset/train/cat`."""
    places, _ = _places(paths, splits)
    parts = ((PurePosixPath(path).parts, place.level) for path, place in places.items())
    return {"/".join(names[: level + 1]) for names, level in parts}


def split_by_folder(paths: list[str], splits: Mapping[str, str] | None = None) -> dict[str, str]:
    """Given splits by folder where tables give the labels: `train/1.jpg` needs no class folder.

    Args:
        paths: POSIX paths of the labelled files, relative to the source.
        splits: data.splits, as of `label_by_folder`.

    Returns:
        train, val or test of the files below split folders, where these are the first folders
        below those that stand alone, or the second, and train is one of several.
    """
    parts = {path: PurePosixPath(path).parts for path in paths}
    depth = _depth_of_root(parts.values())
    if splits is not None:
        named = {path: named_split(names, splits, depth) for path, names in parts.items()}
        found = {path: split for path, (split, _) in named.items() if split is not None}
        return {path: split for path, split in found.items() if split != LEAVE_OUT}
    for level in (depth, depth + 1):
        layer = {names[level] for names in parts.values() if len(names) > level + 1}
        if of_name := splits_of_layer(layer):
            return {
                path: of_name[names[level]]
                for path, names in parts.items()
                if len(names) > level + 1 and of_name.get(names[level], LEAVE_OUT) != LEAVE_OUT
            }
    return {}


def doubtful_folders(paths: list[str], splits: Mapping[str, str] | None = None) -> str | None:
    """A warning where the class folders may be parts of a set, each with the classes in it."""
    if splits is not None:
        return None
    places, _ = _places(paths, splits)
    if any(place.split for place in places.values()):
        return None
    inside = [PurePosixPath(path).parts[place.level :] for path, place in places.items()]
    below = folders_below(inside)
    shared = shared_names(below)
    if len(shared) < SHARED:
        return None
    return (
        f"the class folders {quote_names(sorted(below))} each hold folders of the same names "
        f"({quote_names(shared)}). If those are the classes, say in data.splits which split each "
        "of the outer folders is"
    )


def _places(
    paths: list[str], splits: Mapping[str, str] | None
) -> tuple[dict[str, Place], list[str]]:
    """Places of the files that stand in class folders, by path; and the paths of the others."""
    parts = {path: PurePosixPath(path).parts for path in sorted(paths)}
    depth = _depth_of_root(parts.values())
    if splits:
        places = by_parameter(parts, splits, depth)
    else:
        inside = {path: names[depth:] for path, names in parts.items() if len(names) > depth + 1}
        places = None if splits is not None else by_names(inside, depth)
        if places is None:
            places = dict.fromkeys(inside, Place(depth, None))
    return places, [path for path in parts if path not in places]


def _depth_of_root(parts: Iterable[Parts]) -> int:
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
