"""Predictions of several finished experiments as one: plain average and greedy selection.

The selection sees validation alone; test says what it is worth.

Reads:  --predictions, a folder with val.csv and test.csv: the workspace's own, and those that
        ensemble.members have there
Writes: --ensemble, a folder: the greedy selection's predictions, in the same form; --metrics;
        --plot
Params: ensemble
"""

from pathlib import Path

import numpy as np

from common import cli, tables
from common.files import atomic_folder, write_json
from common.params import read_params
from stages.ensemble import plots, selection
from stages.ensemble.revisions import (
    WORKSPACE,
    Member,
    check_same_images,
    read_member,
    read_workspace,
)

JUDGED = ("val", "test")


def read_members(files: dict, names: list[str]) -> list[Member]:
    """The workspace first, then the members, all of the same images."""
    members = [read_workspace(WORKSPACE, files)]
    for name in names:
        members.append(read_member(name, files))
        check_same_images(members[0], members[-1])
    return members


def leave_out_twins(members: list[Member]) -> list[int]:
    """Indices of the members without those whose probabilities an earlier one has too."""
    probabilities = [
        {split: found.probabilities for split, found in member.predictions.items()}
        for member in members
    ]
    firsts = selection.distinct(probabilities)
    for index, first in enumerate(firsts):
        if index != first:
            cli.warn(
                "ensemble",
                f"{members[index].name} has the same predictions as {members[first].name} and "
                "counts once, as the latter",
            )
    return sorted(set(firsts))


def draw(path: Path, scores: dict, weights: dict, together: dict, best: str) -> None:
    """Draws all members, best on validation first, and the ensembles below them."""
    rows = [
        (f"{name} ({weights[name]:.2f})", scores[name], False)
        for name in sorted(scores, key=lambda name: scores[name]["val"]["loss"])
    ]
    rows += [
        (f"{kind} of all" if kind == "average" else kind, found, True)
        for kind, found in together.items()
    ]
    gain = together["greedy"]["test"]["gain"]
    plots.members(
        path,
        f"Members (weight in the greedy selection) and ensembles. Greedy against {best}:\n"
        f"of {together['greedy']['test']['n_examples']} test pictures {gain['wrong_to_right']} "
        f"turn right, {gain['right_to_wrong']} wrong",
        rows,
    )


def main(argv: list[str] | None = None) -> None:
    args = cli.parse_paths(__doc__, argv, "predictions", "ensemble", "metrics", "plot")
    params = read_params(args.params)
    files = {split: args.predictions / f"{split}.csv" for split in JUDGED}
    members = read_members(files, params.ensemble.members)
    truth = {split: members[0].predictions[split].label for split in JUDGED}
    used = leave_out_twins(members)
    candidates = {
        split: [members[i].predictions[split].probabilities for i in used] for split in JUDGED
    }
    picks = selection.select(truth["val"], candidates["val"], params.ensemble.size)
    best = picks[0]
    shares = selection.weights_of(picks, len(used))
    weights = dict.fromkeys((member.name for member in members), 0.0)
    weights |= {members[i].name: float(share) for i, share in zip(used, shares, strict=True)}
    scores = {
        member.name: {
            split: selection.judge(truth[split], member.predictions[split].probabilities)
            for split in JUDGED
        }
        for member in members
    }
    together = {}
    for kind, chosen in (("average", np.full(len(used), 1 / len(used))), ("greedy", shares)):
        blends = {split: selection.blend(candidates[split], chosen) for split in JUDGED}
        together[kind] = {
            split: selection.judge(truth[split], blends[split])
            | {"gain": selection.gain(truth[split], candidates[split][best], blends[split])}
            for split in JUDGED
        }
    with atomic_folder(args.ensemble) as folder:  # blends of the last kind, greedy
        for split in JUDGED:
            own = members[0].predictions[split]
            tables.write_predictions(folder / f"{split}.csv", own, blends[split])
    best_name = members[used[best]].name
    draw(args.plot, scores, weights, together, best_name)
    write_json(
        args.metrics,
        {
            "best_on_val": best_name,
            "members": {
                member.name: {"commit": member.commit, "weight": weights[member.name]}
                | scores[member.name]
                for member in members
            },
        }
        | together,
    )
    gain = together["greedy"]["test"]["gain"]
    cli.summary(
        "ensemble",
        f"{len(used)} members, {np.count_nonzero(shares)} with a weight; test accuracy "
        f"{together['greedy']['test']['accuracy']:.4f}, {gain['accuracy']:+.4f} over {best_name} "
        f"({gain['wrong_to_right']} pictures mended, {gain['right_to_wrong']} lost)",
    )


if __name__ == "__main__":
    cli.run(main)
