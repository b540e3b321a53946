"""Time and memory of each stage, from the logs of its last run on this machine."""

import json
from pathlib import Path

from common.files import sha256_of
from stages.report.captions import in_stage_order
from stages.report.numbers import Cell, Table, cell


def timing_table(metrics: Path, logs: Path) -> Table:
    """A row for each stage that has a metrics file, in the pipeline's order.

    A stage whose log is of a run with other metrics, or that has none, was restored by DVC.
    """
    rows, seconds = [], []
    for stage in in_stage_order(path.stem for path in metrics.glob("*.json")):
        log = read_log(stage, logs)
        if log is None:
            rows.append([cell(stage), *[cell(None)] * 3, cell("from DVC's cache: no run here")])
        elif log["metrics_sha256"] != sha256_of(metrics / f"{stage}.json"):
            text = f"from DVC's cache: the run here of {_date(log)} had other results"
            rows.append([cell(stage), *[cell(None)] * 3, cell(text)])
        else:
            seconds.append(log["wall_seconds"])
            rows.append(
                [
                    cell(stage),
                    Cell(_seconds(log["wall_seconds"]), log["wall_seconds"]),
                    Cell(_seconds(log["cpu_seconds"]), log["cpu_seconds"]),
                    Cell(f"{log['peak_bytes'] / 1e6:,.0f} MB", log["peak_bytes"]),
                    cell(_date(log)),
                ]
            )
    headers = ["stage", "wall time", "CPU time", "memory at most", "finished (UTC)"]
    note = f"{_seconds(sum(seconds))} in all, of {len(seconds)} of {len(rows)} stages."
    return Table("Time and memory of each stage", headers, rows, note if rows else "")


def read_log(stage: str, folder: Path) -> dict | None:
    """The log of a stage's last finished run on this machine; None where there is none."""
    try:
        content = json.loads((folder / f"{stage}.json").read_text(encoding="utf-8"))
        expected = {"finished", "wall_seconds", "cpu_seconds", "peak_bytes", "metrics_sha256"}
        return content if expected <= set(content) else None
    except (OSError, ValueError, TypeError):
        return None


def _seconds(value: float) -> str:
    return f"{value:.1f} s" if value < 120 else f"{value / 60:.1f} min"


def _date(log: dict) -> str:
    return log["finished"].replace("T", " ").removesuffix("+00:00")
