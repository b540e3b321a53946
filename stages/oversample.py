"""Repeats the rare classes of train, on row numbers: no picture is touched.

Reads:  --train, the training split
Writes: --sampling, row numbers with the number of their occurrence; --metrics; --plot
Params: seed, oversample
"""

import numpy as np
from imblearn.over_sampling import RandomOverSampler

from stages.common import cli, plots, tables
from stages.common.files import write_json
from stages.common.params import read_params


def oversampled_rows(label: np.ndarray, method: str, seed: int) -> np.ndarray:
    """Row numbers of one epoch, int64 (n_samples,): every row once, then the repeats.

    Args:
        label: int (n,), the class of each row.
        method: "random" repeats rows until every class is as large as the largest; "none".
        seed: of the choice.
    """
    rows = np.arange(len(label))
    if method == "none":
        return rows
    sampler = RandomOverSampler(random_state=seed)
    return sampler.fit_resample(rows.reshape(-1, 1), label)[0].ravel()


def occurrences(rows: np.ndarray) -> np.ndarray:
    """For each element, how often its value has come before: [5, 7, 5, 5] gives [0, 0, 1, 2]."""
    order = np.argsort(rows, kind="stable")
    ordered = rows[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    lengths = np.diff(np.r_[starts, len(rows)])
    result = np.empty(len(rows), np.int64)
    result[order] = np.arange(len(rows)) - np.repeat(starts, lengths)
    return result


def main(argv: list[str] | None = None) -> None:
    args = cli.parse_paths(__doc__, argv, "train", "sampling", "metrics", "plot")
    params = read_params(args.params)
    train = tables.Dataset(args.train)
    oversample = params.oversample
    rows = oversampled_rows(train.label, oversample.method, params.seed)
    repeats = occurrences(rows)
    tables.write_sampling(args.sampling, rows, repeats)
    n_classes = len(train.class_names)
    before = np.bincount(train.label, minlength=n_classes)
    after = np.bincount(train.label[rows], minlength=n_classes)
    plots.stacked_bars(
        args.plot,
        f"One training epoch, oversampling: {oversample.method}",
        train.class_names,
        {"pictures": before.tolist(), "repeats": (after - before).tolist()},
        "training examples",
    )
    write_json(
        args.metrics,
        {
            "n_pictures": train.n,
            "n_samples": len(rows),
            "largest_occurrence": int(repeats.max()),
            "per_class": {name: int(n) for name, n in zip(train.class_names, after, strict=True)},
        },
    )
    cli.summary("oversample", f"{train.n:,} pictures, {len(rows):,} training examples an epoch")


if __name__ == "__main__":
    cli.run(main)
