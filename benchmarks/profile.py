"""A flame graph of a stage, as dvc.yaml runs it: where its seconds go.

    python -m benchmarks.profile [STAGE] [--output FILE.svg | FILE.raw]

By py-spy, which looks at the process a hundred times a second from outside, native code included in
the Python line that called it. What the stage needs must be there (`dvc repro STAGE`); its outputs
are written again. A file .raw is for `benchmarks.flames`, which draws several.
"""

import argparse
import shlex
import subprocess
from pathlib import Path

from ruamel.yaml import YAML

from common import cli
from common.errors import StageError


def main(argv: list[str] | None = None) -> None:
    """Runs the stage under py-spy."""
    stages = YAML(typ="safe").load(Path("dvc.yaml"))["stages"]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("stage", nargs="?", choices=stages, default="train")
    parser.add_argument("--output", type=Path)
    args = parser.parse_args(argv)
    output = args.output or Path(f"profile_{args.stage}.svg")
    command = shlex.split(stages[args.stage]["cmd"])
    kind = "raw" if output.suffix == ".raw" else "flamegraph"
    words = ["py-spy", "record", "--format", kind, "--output", str(output), "--", *command]
    status = subprocess.run(words, check=False).returncode
    if status or not output.exists():
        raise StageError(
            f"Expected py-spy to watch the stage. Received: status {status}. Some systems let only "
            "the administrator look into processes: try with sudo."
        )
    cli.summary("profile", f"{output}; open it in a browser")


if __name__ == "__main__":
    cli.run(main)
