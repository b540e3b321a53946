"""All benchmarks of speed, each against what it is compared with, in one run.

    python -m benchmarks [--only extract linear ...] [--images FILE ...]

Writes benchmarks/results.json, benchmarks/results.md (a table) and docs/images/benchmarks.png.
Results of benchmarks that were left out stay as they were. `--images`, folders or archives of
pictures as `data.path` takes them, are for the whole path, which needs many minutes for each.
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import matplotlib

from benchmarks import augment_speed, epoch_floor, extract_speed, linear_speed, whole_path
from benchmarks.timing import Row, processor
from common import cli
from common.files import read_json, write_json
from common.params import read_params
from networks.runtime import configure

matplotlib.use("Agg")
from matplotlib import pyplot as plt

RESULTS = Path("benchmarks/results.json")
TABLE, CHART = Path("benchmarks/results.md"), Path("docs/images/benchmarks.png")
BENCHMARKS: dict[str, Callable[[], list[Row]]] = {
    "extract": extract_speed.measure,
    "augment": augment_speed.measure,
    "linear": linear_speed.measure,
    "epoch": epoch_floor.measure,
}


def table(results: dict) -> str:
    """All rows, as a table in Markdown."""
    lines = ["| what | against | ours | theirs | ratio | target |", "|---|---|---|---|---|---|"]
    for of_one in results.values():
        for row in map(Row._make, of_one["rows"]):
            target = "" if row.target is None else f"{row.target:g}"
            ours, theirs = (f"{value:.4g} {row.unit}".strip() for value in (row.ours, row.theirs))
            cells = [row.what, row.against, ours, theirs, f"{row.ratio:.2f}", target]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def draw(path: Path, results: dict) -> None:
    """A bar for each ratio, and a line across it at its target."""
    rows = [Row._make(row) for of_one in results.values() for row in of_one["rows"]]
    figure, ax = plt.subplots(figsize=(9, 0.42 * len(rows) + 1.2), layout="constrained")
    places = range(len(rows))[::-1]
    reached = [row.target is None or row.ratio >= row.target for row in rows]
    colours = ["#2a7f62" if good else "#b5532c" for good in reached]
    ax.barh(places, [row.ratio for row in rows], color=colours, height=0.6)
    for place, row in zip(places, rows, strict=True):
        if row.target is not None:
            ax.plot([row.target] * 2, [place - 0.4, place + 0.4], color="black", linewidth=2)
        ax.text(row.ratio, place, f" {row.ratio:.3g}", va="center", fontsize=9)
    names = [f"{row.what}\nagainst {row.against}" for row in rows]
    ax.set_yticks(places, names, fontsize=8)
    ax.set_xscale("log")
    ax.set_xlim(right=1.5 * max(row.ratio for row in rows))
    ax.set_xlabel("times better than what it is compared with (black: the target)")
    ax.spines[["top", "right"]].set_visible(False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def main(argv: list[str] | None = None) -> None:
    """Runs benchmarks, and writes what came out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="*", choices=BENCHMARKS, default=list(BENCHMARKS))
    parser.add_argument("--images", type=Path, nargs="*", default=[])
    args = parser.parse_args(argv)
    params = read_params(Path("params.yaml"))
    configure(params.seed, params.compute.threads)
    jobs = {name: BENCHMARKS[name] for name in args.only}
    jobs |= {
        f"path {file.stem}": lambda file=file: whole_path.measure(file) for file in args.images
    }
    results = read_json(RESULTS) if RESULTS.exists() else {}
    for name, job in jobs.items():
        results[name] = {"processor": processor(), "rows": [list(row) for row in job()]}
        write_json(RESULTS, results)
        cli.summary("bench", json.dumps(results[name]))
    TABLE.write_text(table(results), encoding="utf-8")
    draw(CHART, results)


if __name__ == "__main__":
    cli.run(main)
