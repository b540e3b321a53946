"""Balances the classes of train, on row numbers: no image is touched.

Reads:  --train, the training split
Writes: --sampling, row numbers with the number of their occurrence and their weight;
        --metrics; --plot
Params: seed, oversample
"""

import numpy as np
from imblearn.over_sampling import RandomOverSampler
from imblearn.under_sampling import RandomUnderSampler

from common import cli, tables
from common.errors import StageError
from common.files import write_json
from common.params import read_params
from common.plots import bars
from common.schema import Oversample


def sampled_rows(label: np.ndarray, oversample: Oversample, seed: int) -> np.ndarray:
    """Row numbers of one epoch, int64 (n_samples,): every row once, then the repeats.

    - random, smote: repeats rows until every class is as large as the largest. What smote makes
      of the repeats is up to the train stage, which has the features.
    - target_ratio: repeats rows until no class is smaller than this fraction of the largest.
    - undersample: leaves out rows until every class is as small as the smallest.
    - class_weight, none: changes nothing.

    Args:
        label: int (n,), the class of each row.
        oversample: the section of params.yaml.
        seed: of the choice.

    Raises:
        StageError: smote, and a class to be enlarged has no second image to mix with.
    """
    rows = np.arange(len(label))
    present, counts = np.unique(label, return_counts=True)
    largest = counts.max()
    if oversample.method in ("class_weight", "none"):
        return rows
    if oversample.method == "undersample":
        sampler = RandomUnderSampler(random_state=seed)
        return np.sort(sampler.fit_resample(rows.reshape(-1, 1), label)[0].ravel())
    if oversample.method == "smote" and counts.min() == 1 < largest:
        raise StageError(
            "Expected at least 2 training pictures of every class for oversample.method smote, "
            f"which mixes two. Received: 1 of {np.count_nonzero(counts == 1)} classes. Add "
            "pictures, or choose oversample.method random."
        )
    ratio = oversample.target_ratio if oversample.method == "target_ratio" else 1.0
    sizes = np.maximum(counts, np.rint(ratio * largest).astype(int))
    wanted = dict(zip(present.tolist(), sizes.tolist(), strict=True))
    sampler = RandomOverSampler(sampling_strategy=wanted, random_state=seed)
    return sampler.fit_resample(rows.reshape(-1, 1), label)[0].ravel()


def class_weights(label: np.ndarray, n_classes: int) -> np.ndarray:
    """Weights with which every class counts the same, float32 (n_classes,).

    n / (k n_c) for class c of k, what scikit-learn calls balanced. The mean over all rows is 1,
    so that the learning rate keeps its meaning.
    """
    counts = np.bincount(label, minlength=n_classes)
    return (len(label) / (n_classes * np.maximum(counts, 1))).astype(np.float32)


def occurrences(rows: np.ndarray) -> np.ndarray:
    """For each element, how often its value has come before: [5, 7, 5, 5] gives [0, 0, 1, 2]."""
    order = np.argsort(rows, kind="stable")
    ordered = rows[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    lengths = np.diff(np.r_[starts, len(rows)])
    result = np.empty(len(rows), np.int64)
    result[order] = np.arange(len(rows)) - np.repeat(starts, lengths)
    return result


def draw(path, method: str, class_names: list[str], before, after, weights) -> None:
    """Draws each class before and after; weights stand at the bars where they are used."""
    pairs = list(zip(before, after, strict=True))
    if method == "undersample":
        parts = {"kept": after, "left out": before - after}
        ends = [f"{m:,} of {n:,}" for n, m in pairs]
    elif method == "class_weight":
        parts = {"pictures": before}
        ends = [f"{n:,} × {weight:.3g}" for n, weight in zip(before, weights, strict=True)]
    else:
        repeats = "synthetic" if method == "smote" else "repeats"
        parts = {"pictures": before} | ({repeats: after - before} if (after > before).any() else {})
        ends = [f"{n:,} → {m:,}" if m > n else f"{n:,}" for n, m in pairs]
    title = f"One training epoch, oversample.method: {method}"
    counts = {name: values.tolist() for name, values in parts.items()}
    bars.stacked_bars(path, title, class_names, counts, "training examples", ends)


def main(argv: list[str] | None = None) -> None:
    args = cli.parse_paths(__doc__, argv, "train", "sampling", "metrics", "plot")
    params = read_params(args.params)
    train = tables.Dataset(args.train)
    method, n_classes = params.oversample.method, len(train.class_names)
    rows = sampled_rows(train.label, params.oversample, params.seed)
    weights = np.ones(n_classes, np.float32)
    if method == "class_weight":
        weights = class_weights(train.label, n_classes)
    repeats = occurrences(rows)
    tables.write_sampling(args.sampling, tables.Sampling(rows, repeats, weights[train.label[rows]]))
    before = np.bincount(train.label, minlength=n_classes)
    after = np.bincount(train.label[rows], minlength=n_classes)
    draw(args.plot, method, train.class_names, before, after, weights)
    write_json(
        args.metrics,
        {
            "n_pictures": train.n,
            "n_samples": len(rows),
            "largest_occurrence": int(repeats.max()),
            "per_class": {
                name: {"pictures": int(n), "samples": int(m), "weight": round(float(weight), 6)}
                for name, n, m, weight in zip(
                    train.class_names, before, after, weights, strict=True
                )
            },
        },
    )
    cli.summary(
        "oversample", f"{train.n:,} pictures, {len(rows):,} training examples an epoch ({method})"
    )


if __name__ == "__main__":
    cli.run(main)
