"""Flame graphs of several profiles on one scale of seconds, as a picture for docs.

    python -m benchmarks.profile train --output before.raw
    python -m benchmarks.flames docs/images/profile_train.png before=before.raw after=after.raw

Only the project's own functions are drawn, and the library that each called, since the hundreds of
frames below say little. A function's width is its share of the time, itself and what it called.
"""

import argparse
import re
from pathlib import Path
from typing import NamedTuple

import matplotlib
import numpy as np

from common import cli

matplotlib.use("Agg")
from matplotlib import pyplot as plt

OWN = ("app/", "benchmarks/", "common/", "networks/", "stages/", "tools/")
RATE = 100  # samples a second, as `benchmarks.profile` has them
LEAST = 0.02  # share of the longest profile below which a frame has no name
# As py-spy writes it: function (file:line).
FRAME = re.compile(r"(?P<function>.+) \((?P<file>[^()]*?)(:\d+)?\)$")


class Span(NamedTuple):
    """A box of the graph: its depth from the top, its start and width in seconds."""

    name: str
    depth: int
    start: float
    width: float


def own_frames(stack: str) -> tuple[str, ...]:
    """The project's functions of a stack, outermost first, and the library below the last."""
    names: list[str] = []
    library = ""
    for frame in stack.split(";"):
        match = FRAME.match(frame)
        if match is None:
            continue
        file = match["file"]
        if file.startswith(OWN):
            function = match["function"].replace("<locals>.", "")
            word = f"{Path(file).stem}.{function}" if function != "<module>" else f"{file}"
            if word not in names:  # what calls itself again is one box
                names.append(word)
            library = ""
        elif names and not library:
            # The frames between a statement `import` and what it loads are the interpreter's.
            library = "" if file.startswith("<frozen") else file.split("/")[0].removesuffix(".py")
    return (*names, library) if library else tuple(names)


def spans(text: str) -> list[Span]:
    """The boxes of a profile in py-spy's format raw: a stack and its number of samples a line."""
    totals: dict[tuple[str, ...], int] = {}
    for line in text.splitlines():
        stack, _, count = line.rpartition(" ")
        frames = own_frames(stack)
        for depth in range(1, len(frames) + 1):
            totals[frames[:depth]] = totals.get(frames[:depth], 0) + int(count)
    boxes: list[Span] = []

    def lay(parent: tuple[str, ...], start: float) -> None:
        children = [path for path in totals if path[:-1] == parent]
        for path in sorted(children, key=lambda path: (-totals[path], path)):
            width = totals[path] / RATE
            boxes.append(Span(path[-1], len(parent), start, width))
            lay(path, start)
            start += width

    lay((), 0.0)
    return boxes


def draw(path: Path, profiles: dict[str, list[Span]]) -> None:
    """Draws the profiles below each other."""
    longest = max(box.start + box.width for boxes in profiles.values() for box in boxes)
    depths = [max(box.depth for box in boxes) + 1 for boxes in profiles.values()]
    figure, axes = plt.subplots(
        len(profiles),
        figsize=(13, 0.3 * sum(depths) + 0.7 * len(depths)),
        height_ratios=depths,
        squeeze=False,
        sharex=True,
        layout="constrained",
    )
    colours = plt.colormaps["YlOrRd"](np.linspace(0.15, 0.6, 7))
    for ax, (name, boxes) in zip(axes[:, 0], profiles.items(), strict=True):
        for box in boxes:
            ax.barh(
                box.depth,
                box.width,
                left=box.start,
                height=0.94,
                color=colours[sum(box.name.encode()) % len(colours)],
                edgecolor="white",
                linewidth=0.4,
            )
            letters = int(150 * box.width / longest)
            if box.width > LEAST * longest:
                label = f"{box.name} {box.width:.1f} s"
                ax.text(box.start, box.depth, f" {label[:letters]}", va="center", fontsize=7)
        total = max(box.start + box.width for box in boxes)
        ax.set_title(f"{name}: {total:.1f} s", loc="left", fontsize=10)
        ax.invert_yaxis()
        ax.set_yticks([])
        ax.spines[["top", "right", "left"]].set_visible(False)
    axes[-1, 0].set_xlabel("seconds")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def main(argv: list[str] | None = None) -> None:
    """Reads profiles, and draws them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("picture", type=Path)
    parser.add_argument("profiles", nargs="+", metavar="NAME=FILE.raw")
    args = parser.parse_args(argv)
    named = (profile.partition("=") for profile in args.profiles)
    draw(args.picture, {name: spans(Path(file).read_text("utf-8")) for name, _, file in named})
    cli.summary("flames", f"{args.picture}")


if __name__ == "__main__":
    cli.run(main)
