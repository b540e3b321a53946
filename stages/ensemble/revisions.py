"""Predictions of other revisions: finished DVC experiments, branches, tags and commits.

`named_in` is what messages call the place where a revision was named: a parameter, an argument.
"""

import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
from dvc.api import DVCFileSystem
from dvc.exceptions import DvcException
from dvc.repo import Repo

from common import cli
from common.errors import StageError
from common.tables.predictions import Predictions, parse_predictions
from stages.ensemble.selection import distinct

MEMBERS = "ensemble.members"
WORKSPACE = "workspace"  # DVC's word for what no commit holds yet


class Member(NamedTuple):
    """A candidate of the ensemble, or one side of a comparison.

    Attributes:
        name: as it was given, or "workspace".
        commit: 40 hex digits; None for the workspace.
        predictions: by split.
    """

    name: str
    commit: str | None
    predictions: dict[str, Predictions]


def read_workspace(name: str, files: dict[str, Path]) -> Member:
    """The predictions that stand in `files`, by split."""
    predictions = {split: parse_predictions(file, str(file)) for split, file in files.items()}
    return Member(name, None, predictions)


def read_member(name: str, files: dict[str, Path], named_in: str = MEMBERS) -> Member:
    """The predictions of the revision called `name`, from git and DVC's cache.

    No lock of the running `dvc repro` is needed or taken. Workers of the queue run in a copy of
    the repository that lacks the other experiments; DVC tells them in DVC_ROOT where the
    original stands, which has them.

    Args:
        name: an experiment, branch, tag or commit.
        files: by split, as they are called in the workspace.
        named_in: where it was named, for messages.

    Raises:
        StageError: no such revision, or it has no predictions there, or the cache lacks them.
    """
    root = os.environ.get("DVC_ROOT", os.curdir)
    revision = DVCFileSystem(root, rev=name)
    try:
        commit = _commit(revision, name, root, named_in)
        predictions = {}
        for split, file in files.items():
            path = Path(os.path.relpath(file)).as_posix()
            if not revision.exists(Path(path).parent.as_posix()):
                raise StageError(
                    f"Expected {name!r} of {named_in} to have {path}. Received: "
                    f"none in commit {commit[:7]}, where the pipeline did not finish. "
                    f"{_available(root)}"
                )
            with revision.open(path, "rb") as stream:
                predictions[split] = parse_predictions(stream, f"{path} of {name!r}")
        return Member(name, commit, predictions)
    except (OSError, DvcException) as error:
        raise StageError(
            f"Expected the predictions of {name!r} in DVC's cache. Received: {error}. "
            f"Get them with `dvc fetch`, or make them again: `dvc exp apply {name}`, `dvc repro`."
        ) from None
    finally:
        revision.close()


def read_members(files: dict[str, Path], names: list[str]) -> list[Member]:
    """The workspace first, then the members called `names`, all of the same images.

    Args:
        files: of predictions, by split, as they are called in the workspace.
        names: experiments, branches, tags or commits.

    Raises:
        StageError: a member cannot be read, or is of other images.
    """
    members = [read_workspace(WORKSPACE, files)]
    for name in names:
        members.append(read_member(name, files))
        check_same_images(members[0], members[-1])
    return members


def distinct_members(members: list[Member]) -> list[Member]:
    """The members without those whose probabilities an earlier one has too, with a warning."""
    probabilities = [
        {split: predictions.probabilities for split, predictions in member.predictions.items()}
        for member in members
    ]
    firsts = distinct(probabilities)
    for index, first in enumerate(firsts):
        if index != first:
            cli.warn(
                "ensemble",
                f"{members[index].name} has the same predictions as {members[first].name} and "
                "counts once, as the latter",
            )
    return [members[index] for index in sorted(set(firsts))]


def _commit(revision: DVCFileSystem, name: str, root: str, named_in: str) -> str:
    try:
        return revision.repo.get_rev()  # the first use opens it
    except DvcException as error:
        raise StageError(
            f"Expected {named_in} to name finished experiments, branches, tags or commits. "
            f"Received: {name!r} ({error}). {_available(root)}"
        ) from None


def check_same_images(first: Member, other: Member, named_in: str = MEMBERS) -> None:
    """Makes sure that two members have predicted the same images, classes and labels, in order.

    Raises:
        StageError: with the first difference.
    """
    for split, ours in first.predictions.items():
        theirs = other.predictions[split]
        difference = _first_difference(ours, theirs)
        if difference:
            raise StageError(
                f"Expected {other.name!r} of {named_in} to have predicted the same {split} images "
                f"as {first.name}. Received: {difference}. Its seed, split or data differ; run it "
                f"again with those of {first.name}, or leave it out."
            )


def _first_difference(ours: Predictions, theirs: Predictions) -> str | None:
    if ours.class_names != theirs.class_names:
        return f"the classes {theirs.class_names}, not {ours.class_names}"
    if ours.n != theirs.n:
        alone = sorted(set(ours.path) ^ set(theirs.path))
        which = f"; one of them alone has {alone[0]}" if alone else ""
        return f"{theirs.n} images, not {ours.n}{which}"
    for what in ("image_id", "path", "label"):
        unequal = np.flatnonzero(getattr(ours, what) != getattr(theirs, what))
        if len(unequal):
            row = unequal[0]
            received, expected = (str(getattr(table, what)[row]) for table in (theirs, ours))
            if what == "label":
                received, expected = (t.class_names[t.label[row]] for t in (theirs, ours))
            return f"{what} {received!r}, not {expected!r}, in row {row} (of {ours.path[row]})"
    return None


def _available(root: str) -> str:
    """A sentence that names the experiments there are."""
    with Repo(root) as repo:
        by_commit = repo.experiments.ls(all_commits=True)
    names = sorted({name for experiments in by_commit.values() for name, _ in experiments})
    if not names:
        return "There are no experiments yet: `dvc exp run -n NAME -S ...` makes one."
    return f"Experiments: {', '.join(names)}."
