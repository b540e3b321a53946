"""Says where to look: the images that matter, likely label errors, embeddings in the plane.

TensorFlow has no part in it.

Reads:  --dataset; --predictions, a folder with val.csv and test.csv; --embeddings, a folder with
        train.npy, val.npy and test.npy
Writes: --diagnosis, a folder: confident_mistakes.csv, unsure_hits.csv and label_errors.csv;
        --plots, a folder: a contact sheet of each, and plane.png; --metrics
Params: seed, diagnose
"""

from pathlib import Path

import numpy as np
import pandas as pd

from common import cli, tables
from common.embeddings import read_embeddings
from common.files import atomic_folder, write_json
from common.params import read_params
from stages.diagnose import label_errors, plane, sheets

JUDGED = ("val", "test")


class Everything:
    """All images of train, val and test, one after the other.

    Attributes:
        splits: the datasets, by name.
        frame: path, split, label (int), group and image_id of each image.
    """

    def __init__(self, dataset: Path, embeddings: Path):
        self.splits = {name: tables.Dataset(dataset / name) for name in tables.SPLITS}
        columns = ("path", "label", "group", "image_id")
        self.frame = pd.concat(
            [
                pd.DataFrame({c: getattr(own, c) for c in columns} | {"split": name})
                for name, own in self.splits.items()
            ],
            ignore_index=True,
        )
        self._vectors = {
            name: read_embeddings(embeddings / f"{name}.npy", own)
            for name, own in self.splits.items()
        }

    def vectors(self, rows: np.ndarray) -> np.ndarray:
        """Embeddings of these rows, which must rise; float32 (len(rows), channels)."""
        parts, start = [], 0
        for own in self._vectors.values():
            here = rows[(rows >= start) & (rows < start + len(own))]
            parts.append(np.asarray(own[here - start]))
            start += len(own)
        return np.concatenate(parts)


def doubtful_labels(
    everything: Everything, limit: int, folds: int, seed: int
) -> tuple[pd.DataFrame, dict]:
    """The likely label errors, worst first, and how many images of what were looked at."""
    n, names = len(everything.frame), next(iter(everything.splits.values())).class_names
    rows = np.sort(np.random.default_rng(seed).choice(n, min(n, limit), replace=False))
    frame = everything.frame.iloc[rows].reset_index(drop=True)
    label, group = frame["label"].to_numpy(), frame["group"].to_numpy()
    enough = label_errors.large_enough(label, group, folds, len(names))
    probabilities = np.zeros((len(rows), len(names)))
    if enough.sum() > 1:
        vectors = everything.vectors(rows)
        probabilities = label_errors.out_of_sample(vectors, label, group, len(names), folds, seed)
    found = label_errors.find(label, probabilities, enough)
    if not enough.all():
        small = [one for one, large in zip(names, enough, strict=True) if not large]
        few = ", ".join(small[:5]) + (", ..." if len(small) > 5 else "")
        cli.warn(
            "diagnose",
            f"no label of {len(small)} class(es) was judged, for less than one picture in each "
            f"of {folds} folds: {few}",
        )
    at, name = np.arange(len(rows)), np.array(names, dtype=object)
    frame = frame.assign(
        p_label=probabilities[at, label],
        suggested=name[found.suggested],
        p_suggested=probabilities[at, found.suggested],
        quality=found.quality,
        label=name[label],
    )
    flagged = frame[found.flagged].sort_values(["quality", "path"])
    count = flagged["label"].value_counts()
    right = probabilities.argmax(axis=1) == label
    return flagged, {
        "pictures": n,
        "judged": int(found.judged.sum()),
        "folds": folds,
        "flagged": len(flagged),
        "per_class": {
            one: int(count.get(one, 0)) if large else None
            for one, large in zip(names, enough, strict=True)
        },
        "per_split": {one: int((flagged["split"] == one).sum()) for one in tables.SPLITS},
        "linear_accuracy": float(right[found.judged].mean()) if found.judged.any() else None,
    }


def draw_plane(path: Path, everything: Everything, judged: pd.DataFrame, limit, seed) -> dict:
    """Draws a sample of all images; returns how many and how trustworthy."""
    frame = everything.frame.merge(judged, "left", on=["split", "path"], suffixes=("", "_name"))
    mistaken = (frame["predicted"].notna() & (frame["predicted"] != frame["label_name"])).to_numpy()
    rows = plane.choose(mistaken, frame["confidence"].to_numpy(), limit, seed)
    names = next(iter(everything.splits.values())).class_names
    found = plane.project(everything.vectors(rows), seed)
    if found is None:
        cli.warn("diagnose", "no plane: the embeddings are all the same, or too few")
    drawn = frame.iloc[rows]
    wrong = {split: mistaken[rows] & (drawn["split"] == split).to_numpy() for split in JUDGED}
    shown = sum(int(part.sum()) for part in wrong.values())
    title = f"What the backbone sees: {len(rows):,} of {len(frame):,} pictures"
    title += f", with {shown:,} of {int(mistaken.sum()):,} mistakes"
    points = None if found is None else found.points
    plane.draw(path, title, points, drawn["label"].to_numpy(), wrong, names)
    score = None if found is None else found.trustworthiness
    return {"points": len(rows), "mistakes": shown, "trustworthiness": score}


def main(argv: list[str] | None = None) -> None:
    args = cli.parse_paths(
        __doc__, argv, "dataset", "predictions", "embeddings", "diagnosis", "plots", "metrics"
    )
    params = read_params(args.params)
    everything = Everything(args.dataset, args.embeddings)
    splits = everything.splits
    judged = sheets.judged_rows(
        {
            name: tables.read_checked_predictions(args.predictions / f"{name}.csv", splits[name])
            for name in JUDGED
        }
    )
    mistakes = sheets.confident_mistakes(judged)
    hits = sheets.unsure_hits(judged, params.diagnose.unsure_hits)
    doubts, labels = doubtful_labels(
        everything, params.diagnose.label_images, params.diagnose.folds, params.seed
    )
    with atomic_folder(args.diagnosis) as folder:
        for name, rows in (("confident_mistakes", mistakes), ("unsure_hits", hits)):
            tables.write_listing(folder / f"{name}.csv", rows, tables.REVIEW_COLUMNS)
        tables.write_listing(folder / "label_errors.csv", doubts, tables.LABEL_ERROR_COLUMNS)
    with atomic_folder(args.plots) as folder:
        sheets.draw_judged(folder, judged, params.diagnose.images, splits)
        sheet = folder / "label_errors.png"
        sheets.draw_doubts(sheet, doubts, labels, params.diagnose.images, splits)
        drawn = draw_plane(
            folder / "plane.png", everything, judged, params.diagnose.plane_points, params.seed
        )
    wrong = {name: int((mistakes["split"] == name).sum()) for name in JUDGED}
    write_json(args.metrics, {"mistakes": wrong, "label_errors": labels, "plane": drawn})
    cli.summary(
        "diagnose",
        f"{wrong['test']:,} mistakes in test, {wrong['val']:,} in val; {labels['flagged']:,} "
        f"likely label errors among {labels['judged']:,} of {labels['pictures']:,} pictures",
    )


if __name__ == "__main__":
    cli.run(main)
