"""Summary of the stage: the numbers of its metrics file and the words of its closing line."""

from stages.download.inventory import Inventory


def metrics_of(source: str, inventory: Inventory, details: dict) -> dict:
    """The content of the stage's metrics file.

    Args:
        source: data.source.
        inventory: of the files received.
        details: what the source's fetcher returned.
    """
    return {
        "source": source,
        "files": inventory.files,
        "bytes": inventory.bytes,
        "folders": len(inventory.by_folder),
    } | details


def summary_of(metrics: dict) -> str:
    """The stage's closing line, from its metrics."""
    return (
        f"{metrics['files']:,} files, {metrics['bytes'] / 1e6:,.1f} MB, from {metrics['source']}; "
        f"{metrics['junk']:,} junk files left out"
    )
