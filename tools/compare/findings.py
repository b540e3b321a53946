"""What is compared, and how: the first revision against each of the others."""

from pathlib import Path

import numpy as np
import pandas as pd

from common import metrics
from common.errors import StageError
from common.tables import Dataset
from stages.ensemble.revisions import Member
from tools.compare import bootstrap, paired

HEADLINES = ("accuracy", "f1_macro", "loss")
# Of fewer, one resample in forty holds none at all: its interval of macro F1 says little.
FEWEST = 5


def groups_of(member: Member, split: str, folder: Path) -> tuple[np.ndarray, Dataset | None]:
    """The near-duplicate group of each image, and the dataset that says so.

    Returns:
        int (n,); each image by itself, and None, if the workspace's dataset is not of the same
        images.
    """
    found = member.predictions[split]
    try:
        dataset = Dataset(folder / split)
    except StageError:
        dataset = None
    same = dataset is not None and dataset.n == found.n
    if same and (dataset.image_id == found.image_id).all() and (dataset.path == found.path).all():
        return dataset.group, dataset
    return np.arange(found.n), None


def scores(member: Member, split: str) -> dict:
    """The headline metrics of one revision, as the stage evaluate has them."""
    found = member.predictions[split]
    every = metrics.averages(found.label, found.probabilities)
    return {name: every[name] for name in HEADLINES}


def compare(
    members: list[Member], split: str, group: np.ndarray, resamples: int, seed: int
) -> list[dict]:
    """The differences of all revisions but the first from it.

    Returns:
        for each: `revision`, `against`, for each of HEADLINES its difference, low and high (None
        where too little differs to say), `mcnemar` with first_only, second_only, p_value and
        p_holm, and `images`: how many the revision `gained` and `lost`, and on how many both
        are wrong, but differently (`both_wrong`).
    """
    first, *others = members
    label = first.predictions[split].label
    n_classes = len(first.predictions[split].class_names)
    rows = []
    for other in others:
        one, two = (member.predictions[split].probabilities for member in (first, other))
        said = one.argmax(axis=1), two.argmax(axis=1)
        right = said[0] == label, said[1] == label
        pairs = {
            "f1_macro": tuple(bootstrap.macro_f1(label, which, n_classes) for which in said),
            "loss": tuple(bootstrap.mean_loss(label, which) for which in (one, two)),
        }
        found = {"accuracy": paired.accuracy_difference(*right, group)}
        found |= bootstrap.intervals(label, group, pairs, resamples, seed)
        if len(np.unique(group[said[0] != said[1]])) < FEWEST:
            found["f1_macro"] = found["f1_macro"]._replace(low=None, high=None)
        rows.append(
            {name: interval._asdict() for name, interval in found.items()}
            | {
                "revision": other.name,
                "against": first.name,
                "mcnemar": paired.mcnemar(*right, group)._asdict(),
                "pictures": {
                    "gained": int((right[1] & ~right[0]).sum()),
                    "lost": int((right[0] & ~right[1]).sum()),
                    "both_wrong": int((~right[0] & ~right[1] & (said[0] != said[1])).sum()),
                },
            }
        )
    adjusted = paired.holm([row["mcnemar"]["p_value"] for row in rows])
    for row, p_value in zip(rows, adjusted, strict=True):
        row["mcnemar"]["p_holm"] = p_value
    return rows


def disagreements(members: list[Member], split: str) -> pd.DataFrame:
    """The images on which predictions differ: path, label, what each says and how surely.

    Columns `predicted:NAME` and `p:NAME` for each revision, in order; sorted by path.
    """
    first = members[0].predictions[split]
    names = np.array(first.class_names, dtype=object)
    said = np.stack([member.predictions[split].probabilities.argmax(axis=1) for member in members])
    rows = np.flatnonzero((said != said[0]).any(axis=0))
    columns = {"path": first.path[rows], "label": names[first.label[rows]]}
    for member, predicted in zip(members, said, strict=True):
        columns[f"predicted:{member.name}"] = names[predicted[rows]]
        surety = member.predictions[split].probabilities[rows, predicted[rows]]
        columns[f"p:{member.name}"] = surety
    columns["image_id"] = first.image_id[rows]
    return pd.DataFrame(columns).sort_values("path", kind="stable")
