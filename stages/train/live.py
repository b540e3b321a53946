"""Live log of a training: DVCLive's files, which grow by a line at each epoch.

`dvc exp show` and DVC's extension for VS Code read them while the stage still runs.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from dvclive import Live

GROUP = "live"  # before each name: live.loss is another number than the loss of the kept epoch


class LiveLog:
    """A log in which each row of the history is a step of DVCLive."""

    def __init__(self, live: Live):
        """Args:
        live: an open log of DVCLive.
        """
        self.live = live

    def add(self, row: dict) -> None:
        """Logs a row that `fitting.Recorder` made, without its epoch, which is the step.

        Steps count on over several fits, as the history's epochs do.
        """
        for name, value in row.items():
            if name != "epoch":
                self.live.log_metric(f"{GROUP}/{name}", value)
        self.live.next_step()


@contextlib.contextmanager
def live_log(folder: Path) -> Iterator[LiveLog]:
    """Yields a log that writes into a folder; DVCLive's earlier files there are removed.

    Files: `metrics.json`, the last epoch and its number; `plots/metrics/live/NAME.tsv`, a line per
    epoch. No dates, so that equal trainings give equal bytes. DVC's own experiments and dvc.yaml
    are left alone: the stage is part of both. Nothing leaves the machine unless the user has
    set up DVC Studio.
    """
    with Live(str(folder), save_dvc_exp=False, dvcyaml=None, report=None) as live:
        live.step = 1  # as epochs are counted
        yield LiveLog(live)
