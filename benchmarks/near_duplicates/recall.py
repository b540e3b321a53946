"""Recall and precision of the finders on planted copies."""

import random
from collections import Counter
from pathlib import Path

from PIL import Image, ImageOps

from benchmarks.near_duplicates.finders import OTHER_TOOLS, other_pairs, our_pairs
from benchmarks.near_duplicates.planted import KINDS, decode, plant, read_folder


def report_planted(folder: Path, planted: int, seed: int, show: Path | None) -> None:
    """Prints recall, precision and time on `folder` with `planted` copies added."""
    originals = read_folder(folder)
    names, contents = list(originals), list(originals.values())
    chosen = random.Random(seed).sample(range(len(names)), min(planted, len(names)))
    kinds = [list(KINDS)[k % len(KINDS)] for k in range(len(chosen))]
    truth = {(original, len(names) + k): kinds[k] for k, original in enumerate(chosen)}
    origin = [*range(len(names)), *chosen]
    contents += [
        plant(contents[original], kind) for original, kind in zip(chosen, kinds, strict=True)
    ]
    names += [f"{kind} of {names[original]}" for original, kind in zip(chosen, kinds, strict=True)]
    print(f"{len(originals)} images, {len(chosen)} planted copies")

    pairs, seconds = our_pairs(contents)
    print_scores("this project", pairs, truth, origin, sum(seconds.values()))
    print("  " + ", ".join(f"{step} {value:.2f} s" for step, value in seconds.items()))
    hits = Counter(kind for pair, kind in truth.items() if pair in pairs)
    total = Counter(kinds)
    print("  recall: " + ", ".join(f"{kind} {hits[kind] / total[kind]:.3f}" for kind in total))
    if show is not None:
        draw_pairs(contents, names, sorted(strangers(pairs, origin)), show)
    for tool in OTHER_TOOLS:
        result = other_pairs(tool, contents)
        if result is None:
            print(f"{tool}: not installed")
        else:
            print_scores(tool, result[0], truth, origin, result[1])


def strangers(pairs: set, origin: list[int]) -> set[tuple[int, int]]:
    """Pairs of different originals among `pairs`, themselves or by a copy of either.

    Args:
        pairs: of positions.
        origin: position of the original of each image, its own where it is no planted copy.
    """
    originals = {tuple(sorted((origin[a], origin[b]))) for a, b in pairs}
    return {pair for pair in originals if pair[0] != pair[1]}


def print_scores(tool: str, pairs: set, truth: dict, origin: list[int], seconds: float) -> None:
    """Prints one line for one tool."""
    right, other = len(pairs & truth.keys()), len(strangers(pairs, origin))
    precision = f"{right / (right + other):.3f}" if right + other else "none"
    print(
        f"{tool}: recall {right / max(1, len(truth)):.3f}, precision {precision}, "
        f"{other} pairs not planted, {seconds:.1f} s"
    )


def draw_pairs(contents: list[bytes], names: list[str], pairs: list, folder: Path) -> None:
    """Writes one PNG a pair, the two images side by side, at most 200 of them."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, pair in enumerate(pairs[:200]):
        sheet = Image.new("RGB", (610, 300))
        for place, position in enumerate(pair):
            sheet.paste(ImageOps.contain(decode(contents[position]), (300, 300)), (place * 310, 0))
        sheet.save(folder / f"{number:04d}.png")
        print(f"  {number:04d}.png: {names[pair[0]]} | {names[pair[1]]}")
