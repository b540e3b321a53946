"""Combines the predictions of several finished experiments: plain average and greedy selection.

The selection sees validation alone; test says what it is worth.

Reads:  --predictions, a folder with val.csv and test.csv: those of the workspace, and those that
        ensemble.members have there
Writes: --ensemble, a folder: the greedy selection's predictions, in the same form; --metrics;
        --plot
Params: ensemble
"""

import numpy as np

from common import cli
from common.files import atomic_folder, write_json
from common.params import read_params
from common.tables.dataset import PREDICTED_SPLITS
from common.tables.predictions import write_predictions
from stages.ensemble import plots
from stages.ensemble.revisions import distinct_members, read_members
from stages.ensemble.scores import ensemble_scores, member_scores
from stages.ensemble.selection import blend, select, weights_of
from stages.ensemble.summary import metrics_of, summary_of


def main(argv: list[str] | None = None) -> None:
    args = cli.parse_paths(__doc__, argv, "predictions", "ensemble", "metrics", "plot")
    params = read_params(args.params)
    files = {split: args.predictions / f"{split}.csv" for split in PREDICTED_SPLITS}
    members = read_members(files, params.ensemble.members)
    workspace = members[0].predictions
    truth = {split: predictions.label for split, predictions in workspace.items()}

    candidates = distinct_members(members)
    probabilities = {
        split: [member.predictions[split].probabilities for member in candidates] for split in files
    }
    picks = select(truth["val"], probabilities["val"], params.ensemble.size)
    greedy = weights_of(picks, len(candidates))
    equal = np.full(len(candidates), 1 / len(candidates))
    blends = {
        name: {split: blend(probabilities[split], weights) for split in files}
        for name, weights in (("average", equal), ("greedy", greedy))
    }

    best = candidates[picks[0]].name
    best_alone = {split: probabilities[split][picks[0]] for split in files}
    ensembles = {
        name: ensemble_scores(truth, predicted, best_alone) for name, predicted in blends.items()
    }
    weights = dict.fromkeys((member.name for member in members), 0.0)
    weights |= {m.name: float(share) for m, share in zip(candidates, greedy, strict=True)}
    scores = member_scores(members, weights, truth)

    with atomic_folder(args.ensemble) as folder:
        for split, predictions in workspace.items():
            write_predictions(folder / f"{split}.csv", predictions, blends["greedy"][split])
    plots.plot_members(args.plot, scores, ensembles, best)
    metrics = metrics_of(best, scores, ensembles)
    write_json(args.metrics, metrics)
    cli.summary("ensemble", summary_of(metrics, greedy))


if __name__ == "__main__":
    cli.run(main)
