"""Split folders: where files stand that have the names of splits, or data.splits, around them."""

import dataclasses
import fnmatch
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

from common.errors import StageError, quote_lines, quote_names
from stages.clean.labels.split_names import (
    LEAVE_OUT,
    is_neutral,
    is_part,
    read_name,
    splits_of_layer,
)

# Names that stand beside classes by mistake only; `train` and `valid` are classes of some sets.
UNLIKELY_CLASSES = {"training", "val", "validation", "test", "testing"}
SHARED = 2  # folders of one name below several others make these look like splits or parts

Parts = tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Place:
    """Where a file stands.

    Attributes:
        level: number of folders above its class folder.
        split: train, val, test, or None.
    """

    level: int
    split: str | None


def by_names(inside: dict[str, Parts], depth: int) -> dict[str, Place] | None:
    """Places below split folders that are recognised by name; None where there are none."""
    layer = {names[0] for names in inside.values()}
    above = splits_of_layer(layer)
    if above:
        if others := sorted(layer - set(above)):
            raise _unreadable(
                f"{', '.join(sorted(layer))}, of which {quote_names(others)} cannot be read as "
                "splits",
                sorted(layer),
            )
        return _below_splits(inside, above, depth)
    second = {names[1] for names in inside.values() if len(names) > 2}
    below = splits_of_layer(second)
    if below and all(len(names) > 2 for names in inside.values()) and set(below) == second:
        _refuse_classes_below(inside)
        return {path: Place(depth, below[names[1]]) for path, names in inside.items()}
    _refuse_lookalikes(inside, layer, below)
    return None


def _below_splits(
    inside: dict[str, Parts], of_name: dict[str, str], depth: int
) -> dict[str, Place]:
    """Places below a layer of splits, whose folders may hold themselves once more."""
    places = {}
    by_folder = defaultdict(dict)
    for path, names in inside.items():
        by_folder[names[0]][path] = names
    for folder, files in by_folder.items():
        if of_name[folder] == LEAVE_OUT:
            continue
        level = 1
        while (inner := _only_folder(files.values(), level)) and (
            is_neutral(inner) or _same_split(inner, of_name[folder])
        ):
            level += 1
        for path, names in files.items():
            if len(names) > level + 1:
                places[path] = Place(depth + level, of_name[folder])
    return places


def by_parameter(
    parts: dict[str, Parts], splits: Mapping[str, str], depth: int
) -> dict[str, Place]:
    """Places below the folders that data.splits names."""
    places, used, beside = {}, set(), set()
    for path, names in parts.items():
        split, folder = named_split(names, splits, depth)
        if split is None:
            if len(names) > depth + 1:
                beside.add("/".join(names[: depth + 1]))
            continue
        used.add(folder.pattern)
        if split == LEAVE_OUT:
            continue
        level = folder.length
        while len(names) > level + 2 and names[level] == names[level - 1]:
            level += 1  # a folder that holds itself
        if len(names) > level + 1:
            places[path] = Place(level, split)
        elif folder.length > depth + 1:
            places[path] = Place(folder.length - 2, split)  # cat/train/1.jpg
    if absent := sorted(set(splits) - used):
        raise StageError(
            "Expected data.splits to name folders of the source. Received: "
            f"{quote_names(absent)}, where no file is. Folders that are there: "
            f"{quote_names(sorted({'/'.join(n[: depth + 1]) for n in parts.values()}))}."
        )
    if beside:
        raise StageError(
            f"Expected data.splits to name every folder. Received no split for "
            f"{quote_names(sorted(beside))}. Add them: train, val, test or {LEAVE_OUT}."
        )
    return places


@dataclasses.dataclass(frozen=True)
class _Named:
    """A folder that data.splits names: by which pattern, and how many folders deep it lies."""

    pattern: str
    length: int


def named_split(
    names: Parts, splits: Mapping[str, str], depth: int
) -> tuple[str | None, _Named | None]:
    """The split of the innermost folder around a file that data.splits names."""
    best: tuple[str | None, _Named | None] = (None, None)
    for pattern, split in splits.items():
        wanted = PurePosixPath(unicodedata.normalize("NFC", pattern.replace("\\", "/"))).parts
        for start in range(depth + 1):  # relative to the source, or to a folder around everything
            end = start + len(wanted)
            if end < len(names) and all(
                fnmatch.fnmatchcase(unicodedata.normalize("NFC", name), part)
                for name, part in zip(names[start:end], wanted, strict=True)
            ):
                if best[1] is None or end > best[1].length:
                    best = split, _Named(pattern, end)
                break
    return best


def _refuse_lookalikes(inside: dict[str, Parts], layer: set[str], below: dict[str, str]) -> None:
    """Raises where folders speak of splits, but not in a way that says what is what."""
    read = {name: found for name in layer if (found := read_name(name))}
    holders = folders_below(inside.values())
    by_rest = defaultdict(set)
    for found in read.values():
        by_rest[found.rest].add(found.split)
    if len(by_rest) > 1 and all(len(splits) > 1 for splits in by_rest.values()):
        raise _unreadable(
            f"{quote_names(sorted(read))}, which name splits and classes at once", sorted(read)
        )
    suspects = sorted(
        name
        for name, found in read.items()
        if not found.rest
        and (name.lower() in UNLIKELY_CLASSES or len(holders.get(name, ())) >= SHARED)
    )
    if suspects and len(layer) > 1:
        others = sorted(layer - set(suspects)) or suspects
        raise _unreadable(f"{quote_names(suspects)} beside {quote_names(others)}", sorted(layer))
    parts = sorted(name for name in layer if is_part(name))
    if len(parts) > 1 and set(parts) == layer and len(shared_names(holders)) >= SHARED:
        raise _unreadable(
            f"{quote_names(parts)}, which each hold {quote_names(shared_names(holders))}", parts
        )
    if below:
        names = sorted({parts[1] for parts in inside.values() if len(parts) > 2})
        raise _unreadable(
            f"{quote_names(names)} in folders beside one another, and files outside of them or "
            "other folders",
            [f"*/{name}" for name in names],
        )


def _refuse_classes_below(inside: dict[str, Parts]) -> None:
    """Raises where `cat/train/…` may be `site/train/cat/…`: folders below all splits are alike."""
    third = defaultdict(set)
    for names in inside.values():
        if len(names) > 3:
            third[names[0]].add(names[2])
    if len(third) > 1 and len(shared := shared_names(third)) >= SHARED:
        outer = sorted({f"{names[0]}/{names[1]}" for names in inside.values()})
        raise _unreadable(
            f"{quote_names(outer)}, which hold folders of the same names ({quote_names(shared)})",
            outer,
        )


def _unreadable(what: str, folders: list[str]) -> StageError:
    example = {folder: split.split for folder in folders[:3] if (split := read_name(folder))}
    lines = [f"{folder}: {example.get(folder, 'train')}" for folder in folders]
    return StageError(
        f"Expected classes or splits as folders, one layer of each. Received: {what}. Say what "
        f"they are, each train, val, test or {LEAVE_OUT}:\ndata.splits:{quote_lines(lines)}\nor "
        "`data.splits: {}` if all of them are classes."
    )


def _only_folder(parts: Iterable[Parts], level: int) -> str | None:
    """The folder at a level, if it is the only one there and holds folders itself."""
    children = defaultdict(bool)
    for names in parts:
        if len(names) > level + 1:
            children[names[level]] |= len(names) > level + 2
    return next(iter(children)) if len(children) == 1 and all(children.values()) else None


def _same_split(name: str, split: str) -> bool:
    found = read_name(name)
    return found is not None and found.split == split


def folders_below(parts: Iterable[Parts]) -> dict[str, set[str]]:
    """Names of the folders in each first folder."""
    below = defaultdict(set)
    for names in parts:
        if len(names) > 1:
            below[names[0]] |= set(names[1:2]) if len(names) > 2 else set()
    return below


def shared_names(below: dict[str, set[str]]) -> list[str]:
    """Names that all of several folders hold, sorted."""
    return sorted(set.intersection(*below.values())) if len(below) > 1 else []
