"""Near-duplicate search on planted copies, compared with common tools, and its scaling.

    python -m benchmarks.near_duplicates FOLDER [--planted 602] [--seed 0] [--show DIR]
    python -m benchmarks.near_duplicates --scale 100000

The first form adds copies of known kinds to the images of any folder and prints how many are
found. FOLDER may hold copies of its own: pairs found that were not planted are counted against
the precision, and --show draws them side by side for a person to judge. The second form prints
the time of the whole search on N synthetic images, a tenth of them near copies, and that of the
hash search for N hashes as a share of comparing all pairs in the same run.
"""

import argparse
from pathlib import Path

from benchmarks.near_duplicates.recall import report_planted
from benchmarks.near_duplicates.scaling import report_hash_search, report_whole_search
from common.cli import run


def main(argv: list[str] | None = None) -> None:
    """Runs the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, nargs="?", help="any folder of images")
    parser.add_argument("--planted", type=int, default=602, help="number of copies")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--show", type=Path, metavar="DIR", help="draw pairs not planted there")
    parser.add_argument("--scale", type=int, metavar="N", help="time the search among N images")
    arguments = parser.parse_args(argv)
    if arguments.folder is None and arguments.scale is None:
        parser.error("Expected FOLDER or --scale. Received: neither")
    if arguments.folder is not None:
        report_planted(arguments.folder, arguments.planted, arguments.seed, arguments.show)
    if arguments.scale is not None:
        report_whole_search(arguments.scale, arguments.seed)
        report_hash_search(arguments.scale, arguments.seed)


if __name__ == "__main__":
    run(main)
