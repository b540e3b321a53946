"""Comparison of finished experiments on the same images: differences and their intervals.

    python -m tools.compare main my-exp

The first revision is compared with each of the others, image by image. A revision is an
experiment, branch, tag or commit, or `workspace`. The images on which they disagree, and all
numbers, go into the folder of --out.
"""

import argparse
import json
from pathlib import Path

from common import cli
from common.errors import StageError
from common.files import write_json
from common.tables.storage import write_csv
from stages.ensemble.revisions import (
    WORKSPACE,
    Member,
    check_same_images,
    read_member,
    read_workspace,
)
from tools.compare import findings, sheet
from tools.dvc_project.graph import flags_of

NAMED_IN = "the revisions to compare"
TITLES = {"accuracy": "accuracy", "f1_macro": "macro F1", "loss": "loss (nats)"}


def parse(argv: list[str] | None) -> argparse.Namespace:
    """The command line.

    Raises:
        StageError: fewer than two revisions, or one of them twice.
    """
    parser = argparse.ArgumentParser(
        prog="python -m tools.compare",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("revisions", nargs="*", metavar="REV")
    parser.add_argument("--split", choices=("test", "val"), default="test")
    parser.add_argument("--out", type=Path, default=Path("compare"), metavar="PATH")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--resamples", type=int, default=2000, help="of the bootstrap")
    parser.add_argument("--seed", type=int, default=1, help="of the bootstrap")
    args = parser.parse_args(argv)
    if len(args.revisions) < 2 or len(set(args.revisions)) < len(args.revisions):
        raise StageError(
            f"Expected two or more different revisions: experiments, branches, tags, commits, or "
            f"{WORKSPACE}. Received: {' '.join(args.revisions) or 'none'}. `dvc exp list` names "
            "the experiments."
        )
    if args.resamples < 100:
        raise StageError(f"Expected --resamples of at least 100. Received: {args.resamples}.")
    return args


def read(names: list[str], split: str) -> list[Member]:
    """The revisions' predictions, all of the same images.

    Raises:
        StageError: there are none, or they are of other images, labels or classes.
    """
    files = {split: flags_of("evaluate")["predictions"] / f"{split}.csv"}
    members = []
    for name in names:
        if name == WORKSPACE and not files[split].exists():
            raise StageError(
                f"Expected {files[split]} in the workspace. Received: no such file. Run "
                "`dvc repro`, or name another revision."
            )
        here = name == WORKSPACE
        members.append(read_workspace(name, files) if here else read_member(name, files, NAMED_IN))
        check_same_images(members[0], members[-1], NAMED_IN)
    return members


def table(scores: dict[str, dict], rows: list[dict]) -> str:
    """All numbers, in lines for a terminal."""
    width = max(len(name) for name in scores) + 2
    first = next(iter(scores))
    lines = [" " * width + "".join(f"{title:>12}" for title in TITLES.values())]
    for name, values in scores.items():
        lines.append(f"{name:<{width}}" + "".join(f"{values[key]:>12.4f}" for key in TITLES))
    for row in rows:
        lines += ["", f"{row['revision']} against {first}, difference and its 95 % interval"]
        for key, title in TITLES.items():
            interval = row[key]
            limits = "no interval: predictions differ too little"
            if interval["low"] is not None:
                limits = f"{interval['low']:+.4f} to {interval['high']:+.4f}"
            lines.append(f"  {title:<12}{interval['difference']:+.4f}   {limits}")
        test, images = row["mcnemar"], row["pictures"]
        several = f", {test['p_holm']:.4f} for {len(rows)} comparisons" if len(rows) > 1 else ""
        lines += [
            f"  {images['gained']} images right that {first} gets wrong, {images['lost']} wrong "
            f"that it gets right, {images['both_wrong']} differently wrong",
            f"  McNemar's exact test: p {test['p_value']:.4f}{several}",
        ]
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> None:
    """Reads, compares, writes and prints."""
    args = parse(argv)
    members = read(args.revisions, args.split)
    group, dataset = findings.groups_of(members[0], args.split, flags_of("evaluate")["dataset"])
    if dataset is None:
        cli.warn(
            "compare",
            "the workspace's dataset is not of these images: each counts by itself, near copies "
            "too, and no contact sheet is drawn",
        )
    rows = findings.compare(members, args.split, group, args.resamples, args.seed)
    scores = {member.name: findings.scores(member, args.split) for member in members}
    differing = findings.disagreements(members, args.split)
    content = {
        "split": args.split,
        "pictures": len(group),
        "groups": len(set(group.tolist())),
        "groups_known": dataset is not None,
        "commits": {member.name: member.commit for member in members},
        "scores": scores,
        "comparisons": rows,
        "disagreements": len(differing),
    }
    # File by file: the folder is the user's, who may keep other things there.
    write_json(args.out / "compare.json", content)
    write_csv(args.out / "disagreements.csv", differing, float_format="%.4f")
    drawing = args.out / "disagreements.png"
    drawing.unlink(missing_ok=True)  # of an earlier comparison
    if dataset is not None:
        sheet.draw(drawing, members, args.split, dataset)
    if args.json:
        print(json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False))
        return
    known = f"{content['groups']:,} near-duplicate groups" if dataset is not None else "no groups"
    print(f"{args.split}: {len(group):,} images, {known}\n")
    print(table(scores, rows) + "\n")
    cli.summary("compare", f"{len(differing):,} images differ; they are in {args.out}")


if __name__ == "__main__":
    cli.run(main)
