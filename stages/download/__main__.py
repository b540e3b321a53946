"""Brings the source into data/raw: the built-in sample, a folder, an archive or Google Drive.

Reads:  --source, the folder or archive of `data.path` (only for data.source: path)
Writes: --out, the files exactly as given, junk left out; --metrics; --plot
Params: seed, data, clean.missing_classes
"""

from common import cli
from common.errors import StageError
from common.files import atomic_folder, write_json
from common.params import read_params
from common.plots import bars
from stages.download.inventory import largest_folders, take_inventory
from stages.download.sources import FETCHERS
from stages.download.summary import metrics_of, summary_of


def main(argv: list[str] | None = None) -> None:
    args = cli.parse_paths(__doc__, argv, "source", "out", "metrics", "plot")
    params = read_params(args.params)
    data = params.data
    with atomic_folder(args.out) as folder:
        details = FETCHERS[data.source](
            folder, args.source, data, params.clean.missing_classes, params.seed
        )
        inventory = take_inventory(folder)
        if not inventory.files:
            raise StageError(
                f"Expected images in the source ({data.source}). Received: no files at all."
            )
    names, counts = zip(*largest_folders(inventory), strict=True)
    title = f"Files received, by folder ({inventory.files:,} in {len(inventory.by_folder):,})"
    bars.bars(args.plot, title, names, counts, "files")
    metrics = metrics_of(data.source, inventory, details)
    write_json(args.metrics, metrics)
    cli.summary("download", summary_of(metrics))


if __name__ == "__main__":
    cli.run(main)
