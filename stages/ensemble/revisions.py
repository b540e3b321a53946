"""Predictions of other revisions: finished DVC experiments, branches, tags and commits.

`asked` is what messages call the place where a revision was named: a parameter, an argument.
"""

import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
from dvc.api import DVCFileSystem
from dvc.exceptions import DvcException
from dvc.repo import Repo

from common.errors import StageError
from common.tables import Predictions, read_own_predictions

MEMBERS = "ensemble.members"
WORKSPACE = "workspace"  # DVC's word for what no commit holds yet


class Member(NamedTuple):
    """A candidate of the ensemble, or one side of a comparison.

    Attributes:
        name: as it was asked for, or "workspace".
        commit: 40 hex digits; None for the workspace.
        predictions: by split.
    """

    name: str
    commit: str | None
    predictions: dict[str, Predictions]


def read_workspace(name: str, files: dict[str, Path]) -> Member:
    """The predictions that stand in `files`, by split."""
    found = {split: read_own_predictions(file, str(file)) for split, file in files.items()}
    return Member(name, None, found)


def read_member(name: str, files: dict[str, Path], asked: str = MEMBERS) -> Member:
    """The predictions of the revision called `name`, from git and DVC's cache.

    No lock of the running `dvc repro` is needed or taken. Workers of the queue run in a copy of
    the repository that lacks the other experiments; DVC tells them in DVC_ROOT where the
    original stands, which has them.

    Args:
        name: an experiment, branch, tag or commit.
        files: by split, as they are called in the workspace.
        asked: where it was named, for messages.

    Raises:
        StageError: no such revision, or it has no predictions there, or the cache lacks them.
    """
    root = os.environ.get("DVC_ROOT", os.curdir)
    revision = DVCFileSystem(root, rev=name)
    try:
        commit = _commit(revision, name, root, asked)
        found = {}
        for split, file in files.items():
            path = Path(os.path.relpath(file)).as_posix()
            if not revision.exists(Path(path).parent.as_posix()):
                raise StageError(
                    f"Expected {name!r} of {asked} to have {path}. Received: "
                    f"none in commit {commit[:7]}, where the pipeline did not finish. "
                    f"{_available(root)}"
                )
            with revision.open(path, "rb") as stream:
                found[split] = read_own_predictions(stream, f"{path} of {name!r}")
        return Member(name, commit, found)
    except (OSError, DvcException) as error:
        raise StageError(
            f"Expected the predictions of {name!r} in DVC's cache. Received: {error}. "
            f"Get them with `dvc fetch`, or make them again: `dvc exp apply {name}`, `dvc repro`."
        ) from None
    finally:
        revision.close()


def _commit(revision: DVCFileSystem, name: str, root: str, asked: str) -> str:
    try:
        return revision.repo.get_rev()  # the first use opens it
    except DvcException as error:
        raise StageError(
            f"Expected {asked} to name finished experiments, branches, tags or commits. "
            f"Received: {name!r} ({error}). {_available(root)}"
        ) from None


def check_same_images(first: Member, other: Member, asked: str = MEMBERS) -> None:
    """Makes sure that two members speak of the same images, classes and labels, in order.

    Raises:
        StageError: with the first difference.
    """
    for split, ours in first.predictions.items():
        theirs = other.predictions[split]
        difference = _first_difference(ours, theirs)
        if difference:
            raise StageError(
                f"Expected {other.name!r} of {asked} to have predicted the same {split} pictures "
                f"as {first.name}. Received: {difference}. Its seed, split or data differ; run it "
                f"again with those of {first.name}, or leave it out."
            )


def _first_difference(ours: Predictions, theirs: Predictions) -> str | None:
    if ours.class_names != theirs.class_names:
        return f"the classes {theirs.class_names}, not {ours.class_names}"
    if ours.n != theirs.n:
        alone = sorted(set(ours.path) ^ set(theirs.path))
        which = f"; one of them alone has {alone[0]}" if alone else ""
        return f"{theirs.n} pictures, not {ours.n}{which}"
    for what in ("image_id", "path", "label"):
        unequal = np.flatnonzero(getattr(ours, what) != getattr(theirs, what))
        if len(unequal):
            row = unequal[0]
            pair = [str(getattr(one, what)[row]) for one in (theirs, ours)]
            if what == "label":
                pair = [one.class_names[one.label[row]] for one in (theirs, ours)]
            return f"{what} {pair[0]!r}, not {pair[1]!r}, in row {row} (of {ours.path[row]})"
    return None


def _available(root: str) -> str:
    """A sentence that names the experiments there are."""
    with Repo(root) as repo:
        by_commit = repo.experiments.ls(all_commits=True)
    names = sorted({name for experiments in by_commit.values() for name, _ in experiments})
    if not names:
        return "There are no experiments yet: `dvc exp run -n NAME -S ...` makes one."
    return f"Experiments: {', '.join(names)}."
