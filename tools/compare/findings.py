"""The comparison of predictions: the first revision against each of the others."""

from pathlib import Path

import numpy as np
import pandas as pd

from common import metrics
from common.errors import StageError
from common.tables.dataset import Dataset
from stages.ensemble.revisions import Member
from stages.evaluate.resampling import Resamples
from tools.compare import bootstrap, paired

COMPARED = ("accuracy", *bootstrap.METRICS)
# Groups in which predictions differ. Of fewer, one resample in forty holds none at all, and the
# interval of macro F1 says little.
FEWEST = 5


def groups_of(member: Member, split: str, folder: Path) -> tuple[np.ndarray, Dataset | None]:
    """The near-duplicate group of each image, and the dataset that says so.

    Returns:
        int (n,); each image by itself, and None, if the workspace's dataset is not of the same
        images.
    """
    predictions = member.predictions[split]
    try:
        dataset = Dataset(folder / split)
    except StageError:
        dataset = None
    if (
        dataset is not None
        and np.array_equal(dataset.image_id, predictions.image_id)
        and np.array_equal(dataset.path, predictions.path)
    ):
        return dataset.group, dataset
    return np.arange(predictions.n), None


def scores(member: Member, split: str) -> dict:
    """The metrics in COMPARED of one revision, as the stage evaluate has them."""
    predictions = member.predictions[split]
    averages = metrics.averages(predictions.label, predictions.probabilities)
    return {name: averages[name] for name in COMPARED}


def changes(label: np.ndarray, first: np.ndarray, second: np.ndarray) -> dict[str, np.ndarray]:
    """The images that the second model `gained`, `lost`, or that `both_wrong` say differently.

    Args:
        label: int (n,).
        first: int (n,), the classes that the first model predicts.
        second: int (n,), those that the second predicts.

    Returns:
        bool (n,) each.
    """
    first_right, second_right = first == label, second == label
    return {
        "gained": second_right & ~first_right,
        "lost": first_right & ~second_right,
        "both_wrong": ~first_right & ~second_right & (first != second),
    }


def compare(
    members: list[Member], split: str, group: np.ndarray, resamples: int, seed: int
) -> list[dict]:
    """The differences of all revisions but the first from it.

    Returns:
        for each: `revision`, `against`, for each of COMPARED its difference, low and high (None
        where too little differs to say), `mcnemar` with first_only, second_only, p_value and
        p_holm, and `pictures`: how many the revision `gained` and `lost`, and on how many both
        are wrong, but differently (`both_wrong`).
    """
    label = members[0].predictions[split].label
    probabilities = [member.predictions[split].probabilities for member in members]
    predicted = [p.argmax(axis=1) for p in probabilities]
    draws = Resamples(label, group, resamples, seed)
    drawn = [bootstrap.draw_scores(label, p, draws) for p in probabilities]
    rows = []
    for index in range(1, len(members)):
        first, second = predicted[0], predicted[index]
        right = first == label, second == label
        differences = {"accuracy": paired.accuracy_difference(*right, group)} | {
            name: bootstrap.difference(drawn[0][name], drawn[index][name])
            for name in bootstrap.METRICS
        }
        if len(np.unique(group[first != second])) < FEWEST:
            macro_f1 = differences["f1_macro"]
            differences["f1_macro"] = macro_f1._replace(low=None, high=None)
        images = changes(label, first, second)
        rows.append(
            {name: interval._asdict() for name, interval in differences.items()}
            | {
                "revision": members[index].name,
                "against": members[0].name,
                "mcnemar": paired.mcnemar(*right, group)._asdict(),
                "pictures": {name: int(chosen.sum()) for name, chosen in images.items()},
            }
        )
    adjusted = paired.holm([row["mcnemar"]["p_value"] for row in rows])
    for row, p_value in zip(rows, adjusted, strict=True):
        row["mcnemar"]["p_holm"] = p_value
    return rows


def disagreements(members: list[Member], split: str) -> pd.DataFrame:
    """The images on which predictions differ: path, label, each prediction and its probability.

    Columns `predicted:NAME` and `p:NAME` for each revision, in order; sorted by path.
    """
    first = members[0].predictions[split]
    names = np.array(first.class_names, dtype=object)
    probabilities = [member.predictions[split].probabilities for member in members]
    predicted = np.stack([p.argmax(axis=1) for p in probabilities])
    rows = np.flatnonzero((predicted != predicted[0]).any(axis=0))
    columns = {"path": first.path[rows], "label": names[first.label[rows]]}
    for member, p, classes in zip(members, probabilities, predicted[:, rows], strict=True):
        columns[f"predicted:{member.name}"] = names[classes]
        columns[f"p:{member.name}"] = p[rows, classes]
    columns["image_id"] = first.image_id[rows]
    return pd.DataFrame(columns).sort_values("path", kind="stable")
